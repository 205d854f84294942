import { isStoreOutage } from "./retry";
import type { BatchHandler, Delivery, HubChannel, Outcome } from "./types";

/**
 * The outcome of a message that was not run, since an earlier message of its key failed: it is no attempt,
 * and the message waits behind the failed one.
 */
export class BehindFailedError extends Error {
  readonly retryable = true;

  constructor() {
    super("An earlier message of this key waits for its retry.");
    this.name = "BehindFailedError";
  }
}

/** What `runBatch` resolves with: done (null), failed, or a promise of it; such a promise never rejects. */
export type Settled = null | Error | Promise<null | Error>;

/**
 * Runs the handler of a channel over messages, in their order, and gives one outcome for each; never rejects.
 *
 * With `chan.batch` the handler gets the arrays. If it throws, each message is run again alone, one after
 * the other, so a poisoned message never takes its neighbours with it; only an outage of the store fails all
 * of them at once. Without `chan.batch` the handler runs once for each message, in parallel.
 * With `ordered`, messages of one key run one after the other, and one whose predecessor failed is not run;
 * if it was run together with it and failed too, it waits behind it all the same: its outcome is a
 * `BehindFailedError`.
 */
export async function runBatch(
  chan: Pick<HubChannel, "handler" | "batch">,
  payloads: unknown[],
  deliveries: Delivery[],
  { ordered = false }: { ordered?: boolean } = {},
): Promise<Settled[]> {
  if (!chan.batch) {
    const one = async (i: number) => {
      await chan.handler(payloads[i], deliveries[i]);
    };
    return runEach(one, deliveries, ordered, true);
  }
  const handler = chan.handler as BatchHandler;
  try {
    return inOrder(settled(await handler(payloads, deliveries), payloads.length), deliveries, ordered);
  } catch (error) {
    if (payloads.length === 1 || isStoreOutage(error)) {
      const failed = payloads.map(() => toError(error));
      return inOrder(failed, deliveries, ordered);
    }
  }
  const alone = async (i: number) => settled(await handler([payloads[i]], [deliveries[i]]), 1)[0];
  return runEach(alone, deliveries, ordered, false);
}

/** With `ordered`, of the messages of a key only the first that failed has its own retry; the others follow it. */
function inOrder(outcomes: Settled[], deliveries: Delivery[], ordered: boolean): Settled[] {
  if (!ordered || outcomes.every((outcome) => outcome === null)) return outcomes;
  const earlier = new Map<string, Settled>();
  return outcomes.map((outcome, i) => {
    const { key } = deliveries[i];
    if (key === null || outcome === null) return outcome;
    const before = earlier.get(key);
    earlier.set(key, before === undefined ? outcome : firstFailed(before, outcome));
    return before === undefined ? outcome : behind(before, outcome);
  });
}

/** How two messages of a key have ended together: the first error, if any. */
function firstFailed(before: Settled, own: Settled): Settled {
  if (!(before instanceof Promise) && !(own instanceof Promise)) return before ?? own;
  return Promise.all([before, own]).then(([first, second]) => first ?? second);
}

/** The outcome of a message, given that of the earlier ones of its key. */
function behind(before: Settled, own: Settled): Settled {
  const judge = (first: null | Error, second: null | Error) =>
    first !== null && second !== null ? new BehindFailedError() : second;
  if (!(before instanceof Promise) && !(own instanceof Promise)) return judge(before, own);
  return Promise.all([before, own]).then(([first, second]) => judge(first, second));
}

/** Runs messages one by one; in parallel where neither the caller nor the order forbids it. */
async function runEach(
  run: (index: number) => Promise<void | Settled>,
  deliveries: Delivery[],
  ordered: boolean,
  parallel: boolean,
): Promise<Settled[]> {
  const outcomes = new Array<Settled>(deliveries.length).fill(null);
  const lines = parallel ? linesOf(deliveries, ordered) : [deliveries.map((_, i) => i)];
  const failedKeys = new Set<string>();
  await Promise.all(
    lines.map(async (line) => {
      for (const i of line) {
        const key = ordered ? deliveries[i].key : null;
        if (key !== null && failedKeys.has(key)) {
          outcomes[i] = new BehindFailedError();
          continue;
        }
        try {
          outcomes[i] = (await run(i)) ?? null;
        } catch (error) {
          outcomes[i] = toError(error);
        }
        // The next of this key may go only when it is known how this one ended.
        if (key !== null && outcomes[i] instanceof Promise) outcomes[i] = await outcomes[i];
        if (key !== null && outcomes[i] !== null) failedKeys.add(key);
      }
    }),
  );
  return outcomes;
}

/** The lines that may run beside each other: one for each key when order counts, else one for each message. */
function linesOf(deliveries: Delivery[], ordered: boolean): number[][] {
  const lines = new Map<unknown, number[]>();
  deliveries.forEach(({ key }, i) => {
    const name = ordered && key !== null ? key : i;
    const line = lines.get(name);
    if (line) line.push(i);
    else lines.set(name, [i]);
  });
  return [...lines.values()];
}

function settled(result: void | Outcome[], count: number): Settled[] {
  if (!Array.isArray(result)) return new Array<Settled>(count).fill(null);
  if (result.length !== count) {
    // Which message an outcome belongs to is anybody's guess: none of them is taken as done.
    const error = new Error(`The handler gave ${result.length} outcomes for ${count} messages.`);
    return new Array<Settled>(count).fill(error);
  }
  return result.map((outcome) => {
    if (outcome instanceof Promise) return outcome.then((value) => value ?? null, toError);
    return outcome ?? null;
  });
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
