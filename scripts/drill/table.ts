import { isClean } from "../../test/support/ledger";
import type { Result } from "./run";

const COLUMNS = [
  ["drill", 18],
  ["orders", 7],
  ["recovered", 11],
  ["lost", 6],
  ["charges", 9],
  ["seats", 7],
  ["events", 8],
  ["told", 6],
  ["verdict", 8],
] as const;

const line = (cells: (string | number)[]): string =>
  COLUMNS.map(([, width], i) => {
    const text = String(cells[i]);
    return i === 0 ? text.padEnd(width) : text.padStart(width);
  }).join("");

export const HEAD = line(COLUMNS.map(([name]) => name));

/** One drill as a row; the numbers count what is wrong. */
export function row({ drill, orders, recoveryMs, found }: Result): string {
  const recovered = recoveryMs === null ? "never" : `${(recoveryMs / 1000).toFixed(1)} s`;
  const { lost, charges, seats, events, notifications } = found;
  const counts = [lost, charges, seats, events, notifications].map(({ length }) => length);
  return line([drill, orders, recovered, ...counts, isClean(found) ? "ok" : "FAILED"]);
}

/** What was wrong, a few of each kind. */
export function details({ found: { orders: _orders, ...lists } }: Result): string[] {
  return Object.entries(lists).flatMap(([kind, list]: [string, string[]]) =>
    list.slice(0, 5).map((what) => `  ${kind}: ${what}`),
  );
}
