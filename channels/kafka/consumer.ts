import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from "kafkajs";
import type { LoggerInstance } from "moleculer";
import { BehindFailedError, type Settled } from "../run-batch";
import { mergedRun, type Run } from "../merger";
import { HEADERS, type Delivery, type HubChannel } from "../types";
import type { Verdict } from "../retry";
import { settledWithin } from "../timing";
import { Commits } from "./commits";
import { decode, headersOf, keyOf, textOf } from "./message";
import { PartitionState } from "./partition";
import { Slots } from "./slots";

/** What the adapter does for its consumers. */
export interface Handling {
  /** Resolves when Kafka has these topics, made where they were missing. */
  prepare(topics: string[]): Promise<void>;
  run(chan: HubChannel, payloads: unknown[], deliveries: Delivery[]): Promise<Settled[]>;
  judge(chan: HubChannel, error: Error, attempt: number, outages: number): Verdict;
  /** Resolves when the dead letter is confirmed. */
  putAside(chan: HubChannel, delivery: Delivery, payload: unknown, error: Error): Promise<void>;
}

/** What became of one message. */
type Fate = { done: true } | { done: false; delay: number; attempted: boolean };

const DONE: Fate = { done: true };
const HEARTBEAT_MS = 500;
/** Partitions whose messages are under way side by side; `maxInFlight` bounds the messages. */
const PARTITIONS_AT_ONCE = 64;
/** A retry is as late as the fetch under way is long. */
const LONGEST_FETCH_MS = 100;
/** Enough for Kafka not to wait for more, where a group may wait. */
const LINGER_BYTES = 512 * 1024;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 10_000;
/** When a dead letter cannot be stored its message waits, and everything behind it. */
const ASIDE_AGAIN_MS = 1_000;

/**
 * One member of one group, over all its topics. A partition's messages are handled in order; one that fails
 * holds its partition back until its retry, others go on. An offset is committed when everything before it
 * has its effect stored, or is a confirmed dead letter.
 */
export class GroupConsumer {
  private consumer: Consumer | null = null;
  private readonly partitions = new Map<string, PartitionState>();
  private readonly slots = new Map<string, Slots>();
  private readonly runners = new Map<string, Run>();
  private readonly commits = new Commits();
  private busy = new Set<Promise<void>>();
  private stopped = false;
  private timer: NodeJS.Timeout | null = null;
  private starting: Promise<void> = Promise.resolve();

  constructor(
    private readonly kafka: Kafka,
    readonly group: string,
    readonly channels: ReadonlyMap<string, HubChannel>,
    private readonly handling: Handling,
    private readonly logger: LoggerInstance,
  ) {}

  /** Starts, and starts again with backoff whenever the consumer gives up. */
  start(backoff = FIRST_BACKOFF_MS): void {
    this.starting = this.open(backoff).catch((error: Error) => this.later(error, backoff));
  }

  private async open(backoff: number): Promise<void> {
    const topics = [...this.channels.keys()];
    await this.handling.prepare(topics);
    if (this.stopped) return;
    const linger = Math.min(...[...this.channels.values()].map((chan) => chan.linger ?? 0));
    const consumer = this.kafka.consumer({
      groupId: this.group,
      sessionTimeout: 10_000,
      heartbeatInterval: HEARTBEAT_MS,
      ...(linger > 0 && { minBytes: LINGER_BYTES }),
      maxWaitTimeInMs: linger || LONGEST_FETCH_MS,
      allowAutoTopicCreation: false,
      // We start it again ourselves: kafkajs gives up for good on what it takes for fatal.
      retry: {
        retries: 5,
        initialRetryTime: 100,
        maxRetryTime: 2_000,
        restartOnFailure: () => Promise.resolve(false),
      },
    });
    this.consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.assigned(payload.memberAssignment));
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (consumer !== this.consumer) return;
      this.consumer = null;
      void consumer.disconnect().catch(() => undefined);
      this.later(payload.error, FIRST_BACKOFF_MS);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
        eachBatch: (payload) => this.track(this.each(payload)),
      });
    } catch (error) {
      this.consumer = null;
      void consumer.disconnect().catch(() => undefined);
      return this.later(error as Error, backoff);
    }
  }

  private later(error: Error, backoff: number): void {
    if (this.stopped || this.timer) return;
    this.logger.warn(`${this.group} does not consume from Kafka, again in ${backoff} ms: ${error.message}`);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.start(Math.min(backoff * 2, LONGEST_BACKOFF_MS));
    }, backoff);
  }

  /** After a rebalance: what is held of partitions that went is forgotten, what was paused goes on. */
  private assigned(assignment: Record<string, number[]>): void {
    const isOurs = (topic: string, partition: number) => assignment[topic]?.includes(partition) ?? false;
    for (const [name, state] of this.partitions) {
      state.cancel();
      if (!isOurs(...split(name))) this.partitions.delete(name);
    }
    this.commits.keep(isOurs);
    this.consumer?.resume(Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions })));
  }

  private track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => this.busy.delete(tracked));
    this.busy.add(tracked);
    return tracked;
  }

  private async each(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, isRunning, isStale } = payload;
    const chan = this.channels.get(batch.topic);
    if (!chan) return;
    const state = this.stateOf(batch.topic, batch.partition);
    const size = Math.min(chan.batch ?? chan.maxInFlight, chan.maxInFlight);
    // A handler may take longer than the session: we are alive as long as it runs.
    const alive = setInterval(() => void heartbeat().catch(() => undefined), HEARTBEAT_MS);
    const commits: Promise<void>[] = [];
    try {
      for (let at = 0; at < batch.messages.length; at += size) {
        if (!isRunning() || isStale() || this.stopped) break;
        const slice = batch.messages.slice(at, at + size);
        const fates = await this.handle(chan, state, slice);
        // A partition that went meanwhile is somebody else's to commit.
        if (isStale() || this.stateOf(batch.topic, batch.partition) !== state) break;
        const { offset, goesOn } = this.settle(payload, state, slice, fates);
        if (offset !== null) commits.push(this.commits.commit(payload, offset));
        await heartbeat();
        if (!goesOn) break;
      }
      await Promise.all(commits);
    } finally {
      clearInterval(alive);
    }
  }

  /** Runs a slice; a fate for each message. */
  private async handle(chan: HubChannel, state: PartitionState, slice: KafkaMessage[]): Promise<Fate[]> {
    const fates = slice.map((): Fate => DONE);
    const todo: { index: number; payload: unknown; delivery: Delivery }[] = [];
    for (const [index, message] of slice.entries()) {
      if (state.isDone(message.offset)) continue;
      const delivery = this.delivery(chan, message, state.attempt(message.offset));
      const onlyGroup = delivery.headers[HEADERS.onlyGroup];
      if (onlyGroup !== undefined && onlyGroup !== chan.group) continue;
      const parsed = decode(message);
      if (parsed.ok) {
        delivery.key ??= envelopeKey(parsed.payload);
        todo.push({ index, payload: parsed.payload, delivery });
      } else fates[index] = await this.aside(chan, delivery, textOf(message), parsed.error);
    }
    if (todo.length === 0) return fates;
    const slots = this.slotsOf(chan);
    await slots.take(todo.length);
    let errors: (Error | null)[];
    try {
      const outcomes = await this.runnerOf(chan)(
        todo.map(({ payload }) => payload),
        todo.map(({ delivery }) => delivery),
      );
      errors = await Promise.all(outcomes);
    } finally {
      slots.give(todo.length);
    }
    for (const [i, { index, payload, delivery }] of todo.entries()) {
      const error = errors[i];
      fates[index] = error === null ? DONE : await this.judge(chan, state, delivery, payload, error);
    }
    return fates;
  }

  private async judge(
    chan: HubChannel,
    state: PartitionState,
    delivery: Delivery,
    payload: unknown,
    error: Error,
  ): Promise<Fate> {
    if (error instanceof BehindFailedError) return { done: false, delay: 0, attempted: false };
    const verdict = this.handling.judge(chan, error, delivery.attempt, state.outages);
    if (verdict.dead) return this.aside(chan, delivery, payload, error);
    return { done: false, delay: verdict.delay, attempted: verdict.counts };
  }

  private async aside(chan: HubChannel, delivery: Delivery, payload: unknown, error: Error): Promise<Fate> {
    try {
      await this.handling.putAside(chan, delivery, payload, error);
      return DONE;
    } catch (failure) {
      const { correlationId } = (payload ?? {}) as { correlationId?: unknown };
      this.logger.warn(
        { correlationId },
        `A dead letter of ${chan.name} could not be stored yet: ${(failure as Error).message}`,
      );
      return { done: false, delay: ASIDE_AGAIN_MS, attempted: false };
    }
  }

  /**
   * Resolves what is contiguous: `offset` is the one to commit. Unless it `goesOn` a message failed, and its
   * partition waits for the retry.
   */
  private settle(
    { resolveOffset, pause }: EachBatchPayload,
    state: PartitionState,
    slice: KafkaMessage[],
    fates: Fate[],
  ): { offset: bigint | null; goesOn: boolean } {
    const failedAt = fates.findIndex(({ done }) => !done);
    const contiguous = failedAt < 0 ? slice.length : failedAt;
    const last = slice[contiguous - 1];
    if (failedAt >= 0) {
      const failures = fates.filter((fate) => !fate.done);
      fates.forEach((fate, i) => {
        if (!fate.done && fate.attempted) state.failed(slice[i].offset);
        else if (fate.done && i > failedAt) state.doneEarly(slice[i].offset);
      });
      state.outages = failures.some(({ attempted }) => attempted) ? 0 : state.outages + 1;
      const resume = pause();
      const first = fates[failedAt] as Extract<Fate, { done: false }>;
      state.wakeIn(first.delay, resume);
    } else state.outages = 0;
    if (!last) return { offset: null, goesOn: failedAt < 0 };
    resolveOffset(last.offset);
    const offset = BigInt(last.offset) + 1n;
    state.forgetBefore(offset);
    return { offset, goesOn: failedAt < 0 };
  }

  private delivery(chan: HubChannel, message: KafkaMessage, attempt: number): Delivery {
    return {
      channel: chan.name,
      group: chan.group,
      key: keyOf(message),
      headers: headersOf(message),
      attempt,
    };
  }

  private runnerOf(chan: HubChannel): Run {
    let runner = this.runners.get(chan.name);
    if (!runner) {
      runner = mergedRun(chan, (payloads, deliveries) => this.handling.run(chan, payloads, deliveries));
      this.runners.set(chan.name, runner);
    }
    return runner;
  }

  private slotsOf(chan: HubChannel): Slots {
    let slots = this.slots.get(chan.name);
    if (!slots) this.slots.set(chan.name, (slots = new Slots(chan.maxInFlight)));
    return slots;
  }

  private stateOf(topic: string, partition: number): PartitionState {
    const name = `${topic}/${partition}`;
    let state = this.partitions.get(name);
    if (!state) this.partitions.set(name, (state = new PartitionState()));
    return state;
  }

  /** Takes nothing new, waits `timeout` ms at most for what is under way, and leaves the group. */
  async stop(timeout: number): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    for (const state of this.partitions.values()) state.cancel();
    await settledWithin(this.starting, timeout);
    await settledWithin(Promise.allSettled(this.busy), timeout);
    const { consumer } = this;
    this.consumer = null;
    if (consumer) await settledWithin(consumer.disconnect(), timeout);
  }
}

const envelopeKey = (payload: unknown): string | null => {
  const key = (payload as { key?: unknown } | null)?.key;
  return typeof key === "string" ? key : null;
};

function split(name: string): [string, number] {
  const at = name.lastIndexOf("/");
  return [name.slice(0, at), Number(name.slice(at + 1))];
}
