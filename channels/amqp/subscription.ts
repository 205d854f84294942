import type { Channel, ConsumeMessage } from "amqplib";
import { settledWithin, within } from "../timing";
import { Acks } from "./acks";
import type { Session } from "./session";
import type { Queue } from "./topology";

const OPEN_TIMEOUT = 5_000;
const CLOSE_TIMEOUT = 1_000;

export interface SubscriptionEvents {
  /** All that has come in one turn of the event loop. */
  onMessages(messages: ConsumeMessage[], from: Subscription): void;
  /** RabbitMQ has ended it: the queue was deleted, or the channel closed. */
  onEnd(reason: Error): void;
}

/** One consumer on one channel of one session: it never comes back, the next one is a new object. */
export class Subscription {
  private acks: Acks | null = null;
  private channel: Channel | null = null;
  private consumerTag = "";
  private gathered: ConsumeMessage[] = [];
  private readonly held = new Map<ConsumeMessage, NodeJS.Timeout>();
  private stopping = false;

  constructor(
    private readonly session: Session,
    private readonly queue: Queue,
    private readonly events: SubscriptionEvents,
  ) {}

  /** Declares the queue and consumes it, with at most `prefetch` messages not settled. */
  async open(prefetch: number): Promise<void> {
    await this.session.topology.declare(this.queue);
    await within(
      this.start(prefetch),
      OPEN_TIMEOUT,
      `RabbitMQ, consuming "${this.queue.name}" (has it a leader?)`,
    );
  }

  private async start(prefetch: number): Promise<void> {
    const channel = await this.session.connection.createChannel();
    this.channel = channel;
    this.acks = new Acks(channel);
    let reason = new Error("the channel was closed");
    channel.on("error", (error: Error) => (reason = error));
    channel.on("close", () => this.end(reason));
    await channel.prefetch(prefetch);
    const { consumerTag } = await channel.consume(this.queue.name, (message) => {
      if (message) return this.gather(message);
      this.session.topology.forget(this.queue);
      this.end(new Error(`the queue "${this.queue.name}" was deleted`));
    });
    this.consumerTag = consumerTag;
    if (!this.isOpen()) throw reason;
  }

  /** False when a settled message could not be acknowledged any more: it is, or will be, delivered again. */
  isOpen(): boolean {
    return this.acks?.isOpen ?? false;
  }

  ack(message: ConsumeMessage): void {
    this.acks?.ack(message);
  }

  /** Hands a message back in `delay` ms; until then it counts as under way, so that no more come than fit. */
  requeue(message: ConsumeMessage, delay: number): void {
    if (this.stopping || !this.isOpen()) return this.acks?.requeue(message);
    const handBack = () => {
      this.held.delete(message);
      this.acks?.requeue(message);
    };
    this.held.set(message, setTimeout(handBack, delay));
  }

  /** No more messages; what no handler has seen goes back at once. */
  async cancel(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    if (!this.isOpen()) return;
    const cancelled = Promise.resolve().then(() => this.channel?.cancel(this.consumerTag));
    await settledWithin(cancelled, CLOSE_TIMEOUT);
    this.handBackAll();
  }

  /** RabbitMQ delivers again, here or elsewhere, what was not acknowledged. */
  async close(): Promise<void> {
    this.stopping = true;
    this.acks?.flush();
    this.acks?.close();
    await settledWithin(
      Promise.resolve().then(() => this.channel?.close()),
      CLOSE_TIMEOUT,
    );
  }

  private gather(message: ConsumeMessage): void {
    this.gathered.push(message);
    if (this.gathered.length === 1) setImmediate(() => this.release());
  }

  private release(): void {
    const messages = this.gathered;
    this.gathered = [];
    if (messages.length === 0 || !this.isOpen()) return;
    if (this.stopping) for (const message of messages) this.acks?.requeue(message);
    else this.events.onMessages(messages, this);
  }

  private handBackAll(): void {
    this.release();
    for (const [message, timer] of this.held) {
      clearTimeout(timer);
      this.acks?.requeue(message);
    }
    this.held.clear();
  }

  private end(reason: Error): void {
    if (!this.isOpen()) return;
    this.acks?.close();
    for (const timer of this.held.values()) clearTimeout(timer);
    this.held.clear();
    // While it opens, `open` rejects instead.
    if (!this.stopping && this.consumerTag) this.events.onEnd(reason);
  }
}
