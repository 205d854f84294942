/** A count faster than this (ms) is made each time. */
const QUICK_MS = 100;
/** A slower one takes at most 1/SHARE of the time. */
const SHARE = 20;

/**
 * Numbers over all documents of a store that may be large. As long as they are counted quickly they are those
 * of now; when it takes longer they are counted once for all who look, and may be old: a large hub must not
 * count all the time because somebody watches.
 */
export function countedOnce<T>(count: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | null = null;
  let until = 0;
  return async () => {
    const from = performance.now();
    if (last && from < until) return last;
    const numbers = count();
    // It was slow the last time: who looks in the meantime waits for the same.
    if (last) [last, until] = [numbers, Infinity];
    try {
      await numbers;
    } catch (error) {
      until = 0;
      throw error;
    }
    const took = performance.now() - from;
    [last, until] = took > QUICK_MS ? [numbers, from + took * SHARE] : [null, 0];
    return numbers;
  };
}
