import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../config/paths";
import { currentSnapshot, incompatibilities, type Snapshot } from "../contracts/compatibility";
import { eventsMarkdown } from "../contracts/markdown";

/**
 * `npm run contracts` writes docs/events.md; with `--release` also the next snapshot, with `--check` nothing:
 * it fails when a contract breaks its last snapshot or the document is old.
 */
const SNAPSHOTS = join(ROOT, "contracts", "snapshots");
const DOCUMENT = join(ROOT, "docs", "events.md");
const numberOf = (file: string): number => Number(/^v(\d+)\.json$/.exec(file)?.[1] ?? 0);

mkdirSync(SNAPSHOTS, { recursive: true });
const latest = Math.max(0, ...readdirSync(SNAPSHOTS).map(numberOf));
const released: Snapshot =
  latest > 0 ? (JSON.parse(readFileSync(join(SNAPSHOTS, `v${latest}.json`), "utf8")) as Snapshot) : {};

const problems = incompatibilities(released, currentSnapshot());
if (process.argv.includes("--check")) {
  if (!existsSync(DOCUMENT) || readFileSync(DOCUMENT, "utf8") !== eventsMarkdown())
    problems.push("docs/events.md is old: run `npm run contracts`");
} else writeFileSync(DOCUMENT, eventsMarkdown());

for (const problem of problems) console.error(`contract broken: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
else if (process.argv.includes("--release")) {
  const text = JSON.stringify(currentSnapshot(), null, 2) + "\n";
  const same = JSON.stringify(released) === JSON.stringify(currentSnapshot());
  if (!same) writeFileSync(join(SNAPSHOTS, `v${latest + 1}.json`), text);
}
