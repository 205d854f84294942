/** The value below which the share `p` (0 to 1) of the values lies; NaN when there are none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Milliseconds as people read them: `4.2 ms`, `180 ms`, `6.1 s`. */
export function ms(value: number): string {
  if (Number.isNaN(value)) return "";
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** A rate: `5,214/s`. */
export const perSecond = (value: number): string => `${Math.round(value).toLocaleString("en-US")}/s`;
