/** What a member remembers of one partition while it holds it: everything here may be forgotten at any time. */
export class PartitionState {
  /** Failed attempts by offset. */
  private readonly attempts = new Map<string, number>();
  /** Done, but behind a failed one: not to be done again when that one is. */
  private readonly done = new Set<string>();
  /** How often in a row the store was away. */
  outages = 0;
  private timer: NodeJS.Timeout | null = null;

  attempt(offset: string): number {
    return (this.attempts.get(offset) ?? 0) + 1;
  }

  failed(offset: string): void {
    this.attempts.set(offset, this.attempt(offset));
  }

  isDone(offset: string): boolean {
    return this.done.has(offset);
  }

  doneEarly(offset: string): void {
    this.done.add(offset);
  }

  /** All before this offset are done and resolved. */
  forgetBefore(offset: bigint): void {
    for (const known of [this.attempts, this.done])
      for (const key of known.keys()) if (BigInt(key) < offset) known.delete(key);
  }

  wakeIn(delay: number, wake: () => void): void {
    this.cancel();
    this.timer = setTimeout(wake, delay);
  }

  cancel(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}
