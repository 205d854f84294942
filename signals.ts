/**
 * Imported before everything else: while the program loads, a signal that asks for its end is kept, and ends it
 * with 0 as at any later time.
 */
let end = (): void => process.exit(0);

/** What such a signal does from now on. */
export function onEndSignal(stop: () => void): void {
  end = stop;
}

process.on("SIGTERM", () => end());
process.on("SIGINT", () => end());
