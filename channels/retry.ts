import { type HubError, StoreUnavailableError, isRetryable } from "../contracts/errors";
import { DEFAULT_RETRY, type HubChannel, type RetryPolicy } from "./types";

/** While the store is away: often enough to be back soon, seldom enough not to be a burden. */
export const OUTAGE_DELAYS = [100, 250, 500, 1_000, 2_000, 5_000];

/** What becomes of a message that failed: put aside, or again in `delay` milliseconds. */
export type Verdict =
  | { dead: true }
  /** `counts` is false when the failure was no attempt: the message can't help that the store is away. */
  | { dead: false; delay: number; counts: boolean };

/** The retry policy of a channel: its own settings over the defaults. */
export function retryPolicy(chan: Pick<HubChannel, "retry">): RetryPolicy {
  return { ...DEFAULT_RETRY, ...chan.retry };
}

/** Milliseconds between attempt number `attempt` (from 1) and the next one; `random` is in [0, 1). */
export function nextDelay(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const delays = policy.delays.length > 0 ? policy.delays : DEFAULT_RETRY.delays;
  const delay = delays[Math.min(Math.max(attempt, 1), delays.length) - 1];
  return Math.round(delay + random() * policy.jitter);
}

/**
 * Judges a failure. `attempt` is the number of the attempt that failed (from 1), `outages` how often the
 * store was away for this message before.
 */
export function judge(
  policy: RetryPolicy,
  error: unknown,
  attempt: number,
  outages = 0,
  random: () => number = Math.random,
): Verdict {
  if (isStoreOutage(error)) {
    const delay = OUTAGE_DELAYS[Math.min(outages, OUTAGE_DELAYS.length - 1)];
    return { dead: false, delay: Math.round(delay * (1 + random() / 4)), counts: false };
  }
  if (!isRetryable(error) || attempt >= policy.maxAttempts) return { dead: true };
  return { dead: false, delay: nextDelay(policy, attempt, random), counts: true };
}

/** Whether the store, and not the message, is at fault; it may have crossed the mesh and lost its class. */
export function isStoreOutage(error: unknown): boolean {
  return (
    error instanceof StoreUnavailableError ||
    (error as Partial<HubError> | null)?.code === "STORE_UNAVAILABLE"
  );
}
