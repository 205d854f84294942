import type { ConfirmChannel, Message } from "amqplib";
import { ChannelUnavailableError, PermanentError } from "../../contracts/errors";
import type { Outgoing } from "./message";
import type { Queue, Topology } from "./topology";

/** The most messages sent and not yet confirmed. */
const MAX_IN_FLIGHT = 2_000;

/** RabbitMQ doesn't confirm while a queue has no leader: the sender tries again later. */
const CONFIRM_TIMEOUT = 15_000;

/** How often a message is sent when its queue is missing each time. */
const MAX_TRIES = 3;

interface Pending extends Outgoing {
  queue: Queue;
  tries: number;
  sentAt: number;
  returned: boolean;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Publishes on one confirm channel, to queues by name. A promise resolves when RabbitMQ has confirmed the
 * message, and rejects with a ChannelUnavailableError when it hasn't: then the message may be there or not.
 * It dies with its channel.
 */
export class Publisher {
  private readonly inFlight = new Set<Pending>();
  /** A Set is a queue that is quick at both ends. */
  private readonly waiting = new Set<Pending>();
  /** The socket takes no more at the moment. */
  private full = false;
  private lost: Error | null = null;
  private blocked = false;
  private idle: (() => void)[] = [];
  private readonly watch: NodeJS.Timeout;

  constructor(
    private readonly channel: ConfirmChannel,
    private readonly topology: Topology,
  ) {
    channel.on("return", (message: Message) => this.markReturned(message));
    channel.on("drain", () => {
      this.full = false;
      this.pump();
    });
    this.watch = setInterval(() => this.rejectOverdue(), 1_000);
    this.watch.unref();
  }

  /** False when a publish would be rejected: the channel is gone, or the server takes nothing (an alarm). */
  isOpen(): boolean {
    return !this.lost && !this.blocked;
  }

  /** What was not sent yet when an alarm is raised is not sent: nobody knows when that ends. */
  setBlocked(blocked: boolean): void {
    this.blocked = blocked;
    if (!blocked) return;
    for (const pending of this.waiting) pending.reject(alarmed());
    this.waiting.clear();
    if (this.inFlight.size === 0) this.tellIdle();
  }

  publish(queue: Queue, { content, properties }: Outgoing): Promise<void> {
    if (this.lost) return Promise.reject(away(this.lost));
    if (this.blocked) return Promise.reject(alarmed());
    return new Promise((resolve, reject) => {
      this.route({ queue, content, properties, tries: 0, sentAt: 0, returned: false, resolve, reject });
    });
  }

  /** Resolves when nothing is in flight. */
  flushed(): Promise<void> {
    if (this.inFlight.size + this.waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** The connection is gone: nothing that was not confirmed will be. */
  lose(error: Error): void {
    if (this.lost) return;
    this.lost = error;
    clearInterval(this.watch);
    for (const pending of [...this.inFlight, ...this.waiting]) pending.reject(away(error));
    this.inFlight.clear();
    this.waiting.clear();
    this.tellIdle();
  }

  private route(pending: Pending): void {
    if (this.topology.has(pending.queue)) this.offer(pending);
    else this.topology.declare(pending.queue).then(() => this.offer(pending), pending.reject);
  }

  private offer(pending: Pending): void {
    if (this.lost) return pending.reject(away(this.lost));
    if (this.full || this.waiting.size > 0 || this.inFlight.size >= MAX_IN_FLIGHT) this.waiting.add(pending);
    else this.send(pending);
  }

  private pump(): void {
    for (const pending of this.waiting) {
      if (this.full || this.inFlight.size >= MAX_IN_FLIGHT) return;
      this.waiting.delete(pending);
      this.send(pending);
    }
    if (this.inFlight.size === 0) this.tellIdle();
  }

  private send(pending: Pending): void {
    const { queue, content, properties } = pending;
    pending.tries++;
    pending.returned = false;
    pending.sentAt = Date.now();
    this.inFlight.add(pending);
    try {
      this.full = !this.channel.publish("", queue.name, content, properties, (error: Error | null) =>
        this.confirmed(pending, error),
      );
    } catch (error) {
      this.inFlight.delete(pending);
      // amqplib has put the callback in its line before it threw: left there, it would take the
      // confirmation of the next message for this one's, and so on for ever.
      (this.channel as unknown as { unconfirmed: unknown[] }).unconfirmed.pop();
      pending.reject(unsent(error as Error));
    }
  }

  private confirmed(pending: Pending, error: Error | null): void {
    // Not in flight any more: it was rejected when its time was over.
    if (!this.inFlight.delete(pending)) return;
    if (error) pending.reject(away(error));
    else if (pending.returned) this.sendAgain(pending);
    else pending.resolve();
    this.pump();
  }

  /** No queue took the message: it was deleted, or lost with its node. */
  private sendAgain(pending: Pending): void {
    const { queue } = pending;
    if (pending.tries >= MAX_TRIES) {
      const message = `RabbitMQ has no queue "${queue.name}", although it was declared ${MAX_TRIES} times.`;
      return pending.reject(new ChannelUnavailableError(message));
    }
    this.topology.forget(queue);
    this.route(pending);
  }

  /**
   * A returned message comes before its confirmation, but without its number. All in flight that look the
   * same are taken as returned: one may go out twice, none is confirmed by mistake.
   */
  private markReturned({ fields, properties }: Message): void {
    for (const pending of this.inFlight) {
      if (pending.properties.messageId === properties.messageId && pending.queue.name === fields.routingKey) {
        pending.returned = true;
      }
    }
  }

  private rejectOverdue(): void {
    const now = Date.now();
    for (const pending of this.inFlight) {
      if (now - pending.sentAt < CONFIRM_TIMEOUT) break;
      this.inFlight.delete(pending);
      this.topology.forget(pending.queue);
      pending.reject(away(new Error(`no confirmation for "${pending.queue.name}" in ${CONFIRM_TIMEOUT} ms`)));
    }
    this.pump();
  }

  private tellIdle(): void {
    const idle = this.idle;
    this.idle = [];
    for (const resolve of idle) resolve();
  }
}

/** The channel is closing, or the message cannot be written as AMQP (a header of 64 kB, a name of 300). */
function unsent(error: Error): Error {
  return error.name === "IllegalOperationError"
    ? away(error)
    : new PermanentError("NOT_ENCODABLE", `The message cannot be sent over AMQP: ${error.message}`);
}

const alarmed = (): Error => away(new Error("it has raised an alarm and takes nothing"));

/** The error of a publish that was not confirmed. */
export function away(cause: Error): ChannelUnavailableError {
  return new ChannelUnavailableError(`RabbitMQ did not confirm: ${cause.message}`, { cause });
}
