import type { TimelineEntry } from "../domain/timeline";
import { duration } from "./command";

/** The steps of a journey, each under the one that caused it; the time is since the first. */
export function treeOf(entries: TimelineEntry[]): string[] {
  const first = Date.parse(entries[0]?.at ?? "");
  const known = new Set(entries.map(({ id }) => id));
  const children = new Map<string | null, TimelineEntry[]>();
  for (const entry of entries) {
    const cause = entry.causationId !== null && known.has(entry.causationId) ? entry.causationId : null;
    // A message that names itself as its cause would never be shown.
    const parent = cause === entry.id ? null : cause;
    children.set(parent, [...(children.get(parent) ?? []), entry]);
  }
  const lines: { text: string; entry: TimelineEntry }[] = [];
  const walk = (parent: string | null, indent: string): void => {
    const own = children.get(parent) ?? [];
    children.delete(parent);
    own.forEach((entry, i) => {
      const last = i === own.length - 1;
      const branch = parent === null ? "" : last ? "└─ " : "├─ ";
      lines.push({ text: `${indent}${branch}${entry.type}`, entry });
      walk(entry.id, parent === null ? "" : `${indent}${last ? "   " : "│  "}`);
    });
  };
  walk(null, "");
  const width = Math.max(0, ...lines.map(({ text }) => text.length));
  return lines.map(({ text, entry }) => {
    const after = `+${duration(Date.parse(entry.at) - first)}`.padStart(9);
    return `${after}  ${text.padEnd(width)}  ${entry.kind.padEnd(12)} ${entry.source}`;
  });
}
