/** Positions in one millisecond. */
export const PER_MS = 1_000;

/**
 * Numbers that only go up on one node, and by the clock between nodes: milliseconds times 1,000, plus a count.
 * Each node counts from a place of its own, so that two of them hardly ever use one number.
 */
export class Positions {
  private readonly offset = Math.floor(Math.random() * PER_MS);
  private last = 0;

  next(): number {
    return (this.last = Math.max(this.last + 1, Date.now() * PER_MS + this.offset));
  }
}
