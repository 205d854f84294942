import { Adapters } from "@moleculer/channels";
import { toDeadLetter, type DeadLetter } from "../contracts/dead-letter";
import { isDeeperThan, MAX_DEPTH } from "../contracts/depth";
import { isRetryable, PermanentError } from "../contracts/errors";
import { newId } from "../contracts/ids";
import { isStoreOutage, judge, nextDelay, retryPolicy, type Verdict } from "./retry";
import { runBatch, type Settled } from "./run-batch";
import { DEAD_LETTERS, type Delivery, type GroupLag, type HubAdapter, type HubChannel } from "./types";

/** Parsed, or not: what cannot be read is a dead letter at once. */
export type Parsed = { ok: true; payload: unknown } | { ok: false; error: PermanentError };

/** The most messages of a group under way on a node, when its channel doesn't say. */
const DEFAULT_IN_FLIGHT = 128;

type BaseChannel = Parameters<InstanceType<typeof Adapters.Base>["subscribe"]>[0];

/**
 * What the three transports share: they differ in how messages travel, not in what becomes of them.
 * A subclass implements `connect`, `disconnect`, `publish`, `join`, `leave` and the rest of `HubAdapter`.
 */
export abstract class HubAdapterBase extends Adapters.Base implements HubAdapter {
  abstract readonly kind: "command" | "event";

  constructor() {
    // Channel names are a contract with other programs: no prefix.
    super({ prefix: "" });
  }

  abstract override connect(): Promise<void>;
  abstract override disconnect(): Promise<void>;
  abstract isUp(): boolean;
  abstract drain(timeout: number): Promise<void>;

  /** What was measured last. */
  protected lastLag: GroupLag[] = [];
  private measuring: Promise<GroupLag[]> | null = null;

  /** Who asks while it is being measured gets the same: on one node each service asks for its own. */
  lag(): Promise<GroupLag[]> {
    this.measuring ??= this.remeasure().finally(() => (this.measuring = null));
    return this.measuring;
  }

  private async remeasure(): Promise<GroupLag[]> {
    try {
      this.lastLag = await this.measureLag();
    } catch (error) {
      this.logger.debug(`Lag not read: ${(error as Error).message}`);
    }
    return this.lastLag;
  }

  /** Counts what each group of this node still has to do; rejects while its server is away. */
  protected abstract measureLag(): Promise<GroupLag[]>;
  /** Starts to deliver a channel to its handler. */
  protected abstract join(chan: HubChannel): Promise<void>;
  /** Stops delivering; resolves when the messages under way are settled or handed back. */
  protected abstract leave(chan: HubChannel): Promise<void>;

  override subscribe(chan: BaseChannel): Promise<void> {
    return this.join(withDefaults(chan));
  }

  override unsubscribe(chan: BaseChannel): Promise<void> {
    chan.unsubscribing = true;
    return this.leave(withDefaults(chan));
  }

  /** Runs the handler; see `run-batch.ts`. Events keep the order of each key. */
  protected run(chan: HubChannel, payloads: unknown[], deliveries: Delivery[]): Promise<Settled[]> {
    return runBatch(chan, payloads, deliveries, { ordered: this.kind === "event" });
  }

  /** What becomes of a failed message, and counts it; see `retry.ts`. */
  protected verdict(chan: HubChannel, error: unknown, attempt: number, outages = 0): Verdict {
    // A dead letter that cannot be filed stays one: it must not breed others. What is none is put aside itself.
    const endless = chan.name === DEAD_LETTERS && !isStoreOutage(error) && isRetryable(error);
    const verdict: Verdict = endless
      ? { dead: false, delay: nextDelay(retryPolicy(chan), attempt), counts: true }
      : judge(retryPolicy(chan), error, attempt, outages);
    // The names of @moleculer/channels' own metrics.
    this.count(chan, verdict.dead ? "deadLettering" : "retries");
    return verdict;
  }

  /** The dead letter of a message of `chan`; `attempts` is the delivery's. */
  protected deadLetter(chan: HubChannel, delivery: Delivery, payload: unknown, error: unknown): DeadLetter {
    const { headers, key, attempt, channel } = delivery;
    const source = { id: newId(), kind: this.kind, channel, group: chan.group, key, headers };
    return toDeadLetter({ ...source, attempts: attempt, payload, error, now: new Date() });
  }

  private count(chan: HubChannel, what: "deadLettering" | "retries"): void {
    if (!this.broker?.isMetricsEnabled()) return;
    const labels = { channel: chan.name, group: chan.group };
    this.broker.metrics.increment(`moleculer.channels.messages.${what}.total`, labels);
  }
}

/** Reads the text of a message. */
export function parseMessage(text: string): Parsed {
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch (error) {
    return { ok: false, error: notJson((error as Error).message) };
  }
  if (!isDeeperThan(MAX_DEPTH, payload)) return { ok: true, payload };
  const why = `The message nests deeper than ${MAX_DEPTH} levels.`;
  return { ok: false, error: new PermanentError("TOO_DEEP", why) };
}

export const notJson = (why: string): PermanentError => new PermanentError("NOT_JSON", why);

/** The channel as its declaration says (the same object: its handler and `unsubscribing` live on), complete. */
function withDefaults(declared: BaseChannel): HubChannel {
  const chan = declared as unknown as HubChannel;
  chan.maxInFlight ??= Math.max(DEFAULT_IN_FLIGHT, 2 * (chan.batch ?? 1));
  return chan;
}
