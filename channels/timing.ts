import { ChannelUnavailableError } from "../contracts/errors";

/** Milliseconds before try number `attempt` (from 0): 100 doubling to 5,000, of which chance takes up to half. */
export function backoff(attempt: number): number {
  return Math.min(100 * 2 ** attempt, 5_000) * (0.5 + Math.random() / 2);
}

/** The promise, or a ChannelUnavailableError after `ms`: a server that hangs must not hang the hub. */
export function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new ChannelUnavailableError(`${what}: no answer in ${ms} ms.`));
    const timer = setTimeout(late, ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Resolves after `ms`, or as soon as the promise settles; never rejects. */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  await within(promise, ms, "").catch(() => undefined);
}
