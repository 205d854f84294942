type Truthy<T> = Exclude<T, false | null | undefined | 0 | "">;

/** Long: a deadline says that something never came, not that a machine is busy. */
const PATIENCE_MS = 20_000;

/**
 * Polls every 10 ms until `probe` returns something truthy, and resolves with it.
 * @throws Error with the last value when `timeout` (ms) is over.
 */
export async function waitFor<T>(
  probe: () => T | Promise<T>,
  { timeout = PATIENCE_MS }: { timeout?: number } = {},
): Promise<Truthy<T>> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const value = await probe();
    if (value) return value as Truthy<T>;
    if (Date.now() > deadline) throw new Error(`Waited ${timeout} ms; the last value was ${String(value)}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
