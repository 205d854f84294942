import { ChannelUnavailableError } from "../../contracts/errors";
import { HubAdapterBase } from "../base";
import { settledWithin, within } from "../timing";
import type { GroupLag, HubChannel, PublishOptions } from "../types";
import { Connector } from "./connector";
import { Consumer, type ConsumerHost } from "./consumer";
import { encode, type Outgoing } from "./message";
import type { Session } from "./session";
import { workQueue, type Queue } from "./topology";

export interface AmqpOptions {
  /** `amqp://user:password@host:port/vhost`, or amqps. */
  url: string;
  /** The most messages of one channel under way on this node, whatever the channel says. */
  prefetch?: number;
  /** Quorum queues (the default), or classic ones for a server that has no others. */
  quorum?: boolean;
}

/** How long a leaving channel waits for the messages under way. */
const LEAVE_TIMEOUT = 5_000;
/** How long joining waits for a server that is slow; it goes on in the background. */
const JOIN_TIMEOUT = 2_000;
const LAG_TIMEOUT = 2_000;

/**
 * Commands over RabbitMQ: one durable queue for each channel, whose consumers compete. What it promises is
 * in the parts: `Publisher` (confirmed or rejected), `Consumer` (acknowledged after the effect), `Connector`
 * (comes back), `topology.ts` (the queues).
 */
export class AmqpAdapter extends HubAdapterBase {
  readonly kind = "command";
  private readonly consumers = new Map<string, Consumer>();
  private readonly workQueues = new Map<string, Queue>();
  private readonly quorum: boolean;
  private connector: Connector | null = null;

  constructor(private readonly options: AmqpOptions) {
    super();
    this.quorum = options.quorum ?? true;
  }

  /** Resolves when connected, or, while RabbitMQ is away, after a first short try. */
  override async connect(): Promise<void> {
    this.connector = new Connector({
      url: this.options.url,
      name: this.broker.nodeID,
      logger: this.logger,
      onUp: (session) => {
        for (const consumer of this.consumers.values()) void consumer.attach(session);
      },
    });
    await this.connector.start();
    this.connected = true;
  }

  override async disconnect(): Promise<void> {
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.stop(0)));
    this.consumers.clear();
    await this.connector?.stop();
    this.connected = false;
  }

  isUp(): boolean {
    return this.session?.publisher.isOpen() ?? false;
  }

  /**
   * Resolves when RabbitMQ has the message on disk (of most nodes).
   * @throws ChannelUnavailableError when it didn't say so: at once while disconnected.
   */
  override async publish(channel: string, payload: unknown, options?: PublishOptions): Promise<void> {
    return this.send(this.queueOf(channel), encode(payload, options));
  }

  protected override async join(chan: HubChannel): Promise<void> {
    const prefetch = Math.min(chan.maxInFlight, this.options.prefetch ?? chan.maxInFlight);
    const consumer = new Consumer(chan, prefetch, this.host());
    this.consumers.set(chan.id, consumer);
    if (this.session) await settledWithin(consumer.attach(this.session), JOIN_TIMEOUT);
  }

  protected override async leave(chan: HubChannel): Promise<void> {
    const consumer = this.consumers.get(chan.id);
    await consumer?.stop(LEAVE_TIMEOUT);
    this.consumers.delete(chan.id);
  }

  async drain(timeout: number): Promise<void> {
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.stop(timeout)));
    if (this.session) await settledWithin(this.session.publisher.flushed(), timeout);
  }

  /** Messages that wait in each group's queue, and those that this node has in hand. */
  protected override measureLag(): Promise<GroupLag[]> {
    const { session } = this;
    if (!session) return Promise.reject(disconnected());
    return within(this.measure(session), LAG_TIMEOUT, "RabbitMQ, counting messages");
  }

  private async measure(session: Session): Promise<GroupLag[]> {
    const lags = new Map<string, number>();
    for (const { chan, inHand } of this.consumers.values()) {
      const waiting = await countReady(session, chan.name);
      lags.set(chan.group, (lags.get(chan.group) ?? 0) + waiting + inHand);
    }
    return [...lags].map(([group, lag]) => ({ group, lag }));
  }

  private get session(): Session | null {
    return this.connector?.session ?? null;
  }

  private send(queue: Queue, message: Outgoing): Promise<void> {
    return this.session?.publisher.publish(queue, message) ?? Promise.reject(disconnected());
  }

  private queueOf(channel: string): Queue {
    let queue = this.workQueues.get(channel);
    if (!queue) this.workQueues.set(channel, (queue = workQueue(channel, this.quorum)));
    return queue;
  }

  private host(): ConsumerHost {
    return {
      quorum: this.quorum,
      logger: this.logger,
      publish: (queue, message) => this.send(queue, message),
      run: (...args) => this.run(...args),
      verdict: (...args) => this.verdict(...args),
      deadLetter: (...args) => this.deadLetter(...args),
    };
  }
}

/** Asks on a channel of its own: asking for a queue that is gone closes the channel. */
async function countReady(session: Session, queue: string): Promise<number> {
  const channel = await session.connection.createChannel();
  channel.on("error", () => undefined);
  try {
    const { messageCount } = await channel.checkQueue(queue);
    await channel.close();
    return messageCount;
  } catch (error) {
    if ((error as { code?: number }).code === 404) return 0;
    throw new ChannelUnavailableError(`RabbitMQ did not count "${queue}".`, { cause: error });
  }
}

function disconnected(): ChannelUnavailableError {
  return new ChannelUnavailableError("RabbitMQ is away: not connected.");
}
