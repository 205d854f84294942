/** Chance that a seed repeats. */
export interface Random {
  /** An integer from 0 to `n` - 1. */
  below(n: number): number;
}

/** A small generator (mulberry32): good enough to vary a test, and the same again from the same seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return {
    below(n) {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
    },
  };
}
