/**
 * What the three transports (embedded, amqp, kafka) have in common. A transport is an adapter of
 * `@moleculer/channels`; on top of that package's interface it batches, retries with backoff, keeps order
 * per key (events), and puts aside what cannot be processed.
 *
 * Words: a *channel* is a queue (commands) or a topic (events); a *group* is a set of members of which one
 * gets each message; a *delivery* is one message on its way to one group.
 */

/** Options of `broker.sendCommand(channel, payload, options)` and `broker.publishEvent(...)`. */
export interface PublishOptions {
  /** Messages with one key keep their order in each group. Without a key there is none. */
  key?: string;
  /** Values are strings on every wire. */
  headers?: Record<string, string>;
}

/** What a handler gets beside the payload. */
export interface Delivery {
  channel: string;
  group: string;
  key: string | null;
  headers: Record<string, string>;
  /** 1 on the first delivery, counted per group. */
  attempt: number;
}

/** One message's fate: nothing or null is done, an error is retried or put aside; a promise settles later. */
export type Outcome = void | null | Error | Promise<void | null | Error>;

/**
 * A channel as services declare it in `commands` and `domainEvents`. With `batch` the handler gets arrays
 * and may return one outcome per message; if it throws, each message is tried again on its own before
 * anything is put aside, so one poisoned message never takes its neighbours with it.
 */
export interface HubChannel {
  id: string;
  name: string;
  group: string;
  unsubscribing: boolean;
  handler(payload: unknown, delivery: unknown): Promise<unknown>;
  /** The most messages in one call of the handler. Unset: one message, not an array. */
  batch?: number;
  /** The most messages of this group under way on this node. */
  maxInFlight: number;
  /**
   * Nobody waits for this group: Kafka may hold its messages back for so many milliseconds, until there are
   * more. It holds for the whole group, and is the least that a channel of it says.
   */
  linger?: number;
  retry?: Partial<RetryPolicy>;
}

export type BatchHandler<T = unknown> = (payloads: T[], deliveries: Delivery[]) => Promise<void | Outcome[]>;

/** When a failed message comes again. */
export interface RetryPolicy {
  /** Milliseconds before the second, third, ... attempt; the last one repeats. */
  delays: number[];
  /** After this many attempts the message becomes a dead letter. */
  maxAttempts: number;
  /** The most milliseconds that chance adds to a delay. */
  jitter: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  delays: [1_000, 5_000, 30_000, 120_000, 600_000],
  maxAttempts: 6,
  jitter: 200,
};

/** Headers that the transports set themselves. */
export const HEADERS = {
  attempt: "x-hub-attempt",
  /** A redriven message is for this group alone; the others let it pass. */
  onlyGroup: "x-hub-only-group",
  /** The id of the dead letter that a redriven message was: if it fails again, its history goes on there. */
  deadLetter: "x-hub-dead-letter",
} as const;

export { DEAD_LETTERS } from "../contracts/dead-letter";

/** What a transport tells of one group: messages not yet done. */
export interface GroupLag {
  group: string;
  lag: number;
}

/** What the hub asks of an adapter beyond `@moleculer/channels`' own interface. */
export interface HubAdapter {
  readonly kind: "command" | "event";
  /** True while a publish can be confirmed: the truth, not a flag of the last connect. */
  isUp(): boolean;
  /** Stops taking messages, waits for those under way (at most `timeout` ms). */
  drain(timeout: number): Promise<void>;
  /** Lag of every group that this node takes part in; what was last known while the server is away. */
  lag(): Promise<GroupLag[]>;
}
