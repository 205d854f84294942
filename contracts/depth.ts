/**
 * The most arrays and objects in each other that a body or a message may have. MongoDB keeps a hundred; a few
 * thousand overflow the stack of whatever serializes them.
 */
export const MAX_DEPTH = 64;

/** Whether a JSON value has more than `levels` arrays and objects in each other. */
export function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}
