import { Kafka, logLevel, type Admin } from "kafkajs";
import { ChannelUnavailableError } from "../../contracts/errors";
import { HubAdapterBase } from "../base";
import { settledWithin } from "../timing";
import { DEAD_LETTERS, HEADERS, type GroupLag, type HubChannel, type PublishOptions } from "../types";
import { GroupConsumer, type Handling } from "./consumer";
import { encode } from "./message";
import { Publisher } from "./publisher";

export interface KafkaOptions {
  /** host:port */
  brokers: string[];
  clientId: string;
  /** Partitions of a topic that is made: the most members of a group that can share it. 6. */
  partitions?: number;
  /** Topics to make at start; others are made when they are first used. */
  topics?: string[];
}

const FIRST_TRY_MS = 3_000;
const LONGEST_BACKOFF_MS = 5_000;
const PING_MS = 1_000;
const STOP_MS = 5_000;
const LAG_MS = 1_000;
/** A dead letter holds the message that it is about, escaped or as base64. */
const DEAD_LETTER_BYTES = 8 * 1024 * 1024;

/** Events through Kafka. */
export class KafkaAdapter extends HubAdapterBase {
  readonly kind = "event";
  private readonly kafka: Kafka;
  private readonly publisher: Publisher;
  private admin: Admin | null = null;
  private readonly groups = new Map<string, Map<string, HubChannel>>();
  private readonly consumers = new Map<string, GroupConsumer>();
  private readonly topics = new Map<string, Promise<void>>();
  /** Topics that Kafka had, at some time. */
  private readonly seen = new Set<string>();
  private reachable = false;
  private stopped = false;
  private connecting: Promise<void> | null = null;
  private pinging: NodeJS.Timeout | null = null;
  private opening: NodeJS.Immediate | null = null;
  private lagAt = 0;

  constructor(private readonly options: KafkaOptions) {
    super();
    this.kafka = new Kafka({
      clientId: options.clientId,
      brokers: options.brokers,
      connectionTimeout: 2_000,
      requestTimeout: 10_000,
      retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 },
      logLevel: logLevel.ERROR,
      // What matters we say ourselves, once; kafkajs' own lines are for debugging.
      logCreator: () => (entry) => this.logger?.debug(`kafkajs: ${entry.log.message}`),
    });
    this.publisher = new Publisher(this.kafka, (error) => this.lost(error));
  }

  /** Waits a little for Kafka, and goes on trying behind: a node starts without it. */
  override async connect(): Promise<void> {
    this.stopped = false;
    this.connecting = this.reconnect();
    await settledWithin(this.connecting, FIRST_TRY_MS);
    this.ping();
  }

  private async reconnect(): Promise<void> {
    for (let backoff = 200; !this.stopped; backoff = Math.min(backoff * 2, LONGEST_BACKOFF_MS)) {
      try {
        await this.open();
        return;
      } catch (error) {
        this.logger.warn(
          `EVENTS_URL: Kafka does not answer, again in ${backoff} ms: ${(error as Error).message}`,
        );
        await new Promise((resolve) => setTimeout(resolve, backoff * (0.75 + Math.random() / 2)));
      }
    }
  }

  private async open(): Promise<void> {
    if (!this.admin) {
      const admin = this.kafka.admin();
      await admin.connect();
      this.admin = admin;
    }
    await this.makeTopics(this.options.topics ?? []);
    if (!this.publisher.isUp) await this.publisher.connect();
    this.reachable = true;
    this.connected = true;
    this.openConsumers();
  }

  private lost(error: Error): void {
    this.reachable = false;
    // Kafka may come back without them.
    this.topics.clear();
    if (this.stopped) return;
    this.logger.warn(`EVENTS_URL: Kafka is lost: ${error.message}`);
    this.connecting = this.reconnect();
  }

  /** Asks Kafka whether it is there, so that `isUp` is the truth while nothing is published. */
  private ping(): void {
    this.pinging = setTimeout(() => {
      void (this.admin?.describeCluster() ?? Promise.reject(new Error("not connected")))
        .then(() => (this.reachable = true))
        .catch(() => (this.reachable = false))
        .finally(() => {
          if (!this.stopped) this.ping();
        });
    }, PING_MS).unref();
  }

  override async disconnect(): Promise<void> {
    this.stopped = true;
    if (this.pinging) clearTimeout(this.pinging);
    if (this.opening) clearImmediate(this.opening);
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.stop(STOP_MS)));
    this.consumers.clear();
    await settledWithin(this.publisher.disconnect(), STOP_MS);
    if (this.connecting) await settledWithin(this.connecting, STOP_MS);
    if (this.admin) await settledWithin(this.admin.disconnect(), STOP_MS);
    this.admin = null;
    this.connected = false;
    this.reachable = false;
  }

  isUp(): boolean {
    return this.reachable && this.publisher.isUp;
  }

  async drain(timeout: number): Promise<void> {
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.stop(timeout)));
  }

  override async publish(channel: string, payload: unknown, options?: PublishOptions | null): Promise<void> {
    if (!this.publisher.isUp) throw new ChannelUnavailableError("Kafka is not connected.");
    // Only the first publish of a topic waits for it: later ones must not be overtaken.
    const topic = this.topics.get(channel);
    if (topic !== READY) await this.makeTopics([channel]);
    return this.publisher.publish(channel, encode(payload, options ?? {}));
  }

  /** Makes those topics that are not there; an existing one stays as it is. */
  private async makeTopics(topics: string[]): Promise<void> {
    const fresh = topics.filter((topic) => !this.topics.has(topic));
    if (fresh.length > 0) {
      const making = this.createTopics(fresh).then(
        () => fresh.forEach((topic) => this.topics.set(topic, READY)),
        (error: Error) => {
          for (const topic of fresh) this.topics.delete(topic);
          throw new ChannelUnavailableError(`Topics could not be made: ${error.message}`, { cause: error });
        },
      );
      for (const topic of fresh) this.topics.set(topic, making);
    }
    await Promise.all(topics.map((topic) => this.topics.get(topic)));
  }

  private async createTopics(topics: string[]): Promise<void> {
    if (!this.admin) throw new Error("Kafka is not connected.");
    const { partitions: numPartitions = 6 } = this.options;
    const there = new Set(await this.admin.listTopics());
    const missing = topics.filter((topic) => !there.has(topic));
    if (missing.length > 0) await this.makeMissing(this.admin, missing, numPartitions);
    for (const topic of topics) this.seen.add(topic);
  }

  private async makeMissing(admin: Admin, missing: string[], numPartitions: number): Promise<void> {
    await admin.createTopics({
      topics: missing.map((topic) => ({
        topic,
        numPartitions,
        ...(topic === DEAD_LETTERS && {
          configEntries: [{ name: "max.message.bytes", value: String(DEAD_LETTER_BYTES) }],
        }),
      })),
      waitForLeaders: true,
    });
    // Whoever consumed a topic that was lost stands at an offset of the old one, and would skip as many.
    for (const [group, channels] of this.groups) {
      if (!missing.some((topic) => this.seen.has(topic) && channels.has(topic))) continue;
      void this.reopen(group).then(() => this.openConsumers());
    }
  }

  protected override async join(chan: HubChannel): Promise<void> {
    const channels = this.groups.get(chan.group) ?? new Map<string, HubChannel>();
    channels.set(chan.name, chan);
    this.groups.set(chan.group, channels);
    await this.reopen(chan.group);
    this.openConsumers();
  }

  protected override async leave(chan: HubChannel): Promise<void> {
    const channels = this.groups.get(chan.group);
    if (!channels?.delete(chan.name)) return;
    if (channels.size === 0) this.groups.delete(chan.group);
    await this.reopen(chan.group);
    this.openConsumers();
  }

  /** A group whose channels have changed gets a new consumer. */
  private async reopen(group: string): Promise<void> {
    const consumer = this.consumers.get(group);
    this.consumers.delete(group);
    await consumer?.stop(STOP_MS);
  }

  /** One consumer for each group, over all its channels: when the subscriptions of this turn are complete. */
  private openConsumers(): void {
    if (!this.connected || this.stopped || this.opening) return;
    this.opening = setImmediate(() => {
      this.opening = null;
      for (const [group, channels] of this.groups) {
        if (this.consumers.has(group)) continue;
        const consumer = new GroupConsumer(this.kafka, group, new Map(channels), this.handling, this.logger);
        this.consumers.set(group, consumer);
        consumer.start();
      }
    });
  }

  private readonly handling: Handling = {
    prepare: (topics) => {
      for (const topic of topics) if (this.topics.get(topic) === READY) this.topics.delete(topic);
      return this.makeTopics(topics);
    },
    run: (chan, payloads, deliveries) => this.run(chan, payloads, deliveries),
    judge: (chan, error, attempt, outages) => this.verdict(chan, error, attempt, outages),
    putAside: async (chan, delivery, payload, error) => {
      const letter = this.deadLetter(chan, delivery, payload, error);
      // The message may have been for one group alone; its dead letter is not.
      const { [HEADERS.onlyGroup]: _, ...headers } = letter.headers;
      await this.publish(DEAD_LETTERS, letter, { headers, ...(letter.key && { key: letter.key }) });
    },
  };

  /** Messages between what each group has committed and the end of its topics; at most a second old. */
  protected override async measureLag(): Promise<GroupLag[]> {
    const { admin } = this;
    if (!admin) throw new ChannelUnavailableError("Kafka is not connected.");
    if (Date.now() - this.lagAt < LAG_MS) return this.lastLag;
    const lag = await Promise.all(
      [...this.groups].map(async ([group, channels]) => ({
        group,
        lag: await lagOf(admin, group, [...channels.keys()]),
      })),
    );
    this.lagAt = Date.now();
    return lag;
  }
}

const READY = Promise.resolve();

async function lagOf(admin: Admin, groupId: string, topics: string[]): Promise<number> {
  const committed = await admin.fetchOffsets({ groupId, topics });
  let lag = 0;
  for (const { topic, partitions } of committed) {
    const done = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
      const from = done.get(partition) ?? -1;
      lag += Number(high) - (from < 0 ? Number(low) : from);
    }
  }
  return lag;
}
