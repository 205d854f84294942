import { join } from "node:path";
import { ROOT, run, temporaryFolder } from "../lib/child";
import { median, ms, percentile, perSecond } from "../lib/stats";
import type { Options, Report } from "./section";

const MESSAGES = 20_000;
const RETRIES = 500;

interface Rates {
  publish: number;
  consume: number;
}

/** The adapters beside the raw clients on the same servers, in turns; and how late retries come. */
export async function adapters({ rounds }: Options): Promise<Report> {
  const rows = [["", "publish", "consume", "retry late p50", "p99", "publish rounds", "consume rounds"]];
  const notes: string[] = [];
  if (process.env.COMMANDS_URL) notes.push(await beside("rabbit", "amqplib by hand", rounds, rows));
  if (process.env.EVENTS_URL) notes.push(await beside("kafka", "kafkajs by hand", rounds, rows));
  rows.push(row("embedded log", await rates("ours/embedded", rounds), await lateness("ours/embedded")));
  return {
    title: `adapters: ${MESSAGES} messages of 600 bytes, 512 under way, ${rounds} rounds, medians; ${RETRIES} retries after 1 s`,
    rows,
    notes,
  };
}

/** Measures ours and the raw client one after the other, round by round; a line with the ratios. */
async function beside(name: string, raw: string, rounds: number, rows: string[][]): Promise<string> {
  const ours: Rates[] = [];
  const theirs: Rates[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(...(await rates(`ours/${name}`, 1)));
    theirs.push(...(await rates(`raw/${name}`, 1)));
  }
  rows.push(
    row(`${name}: the hub's adapter`, ours, await lateness(`ours/${name}`)),
    row(`${name}: ${raw}`, theirs),
  );
  const ratio = (what: keyof Rates): string =>
    (median(ours.map((r) => r[what])) / median(theirs.map((r) => r[what]))).toFixed(2);
  return `${name}: ratio publish ${ratio("publish")}, consume ${ratio("consume")}`;
}

const row = (name: string, found: Rates[], late: number[] = []): string[] => [
  name,
  perSecond(median(found.map((r) => r.publish))),
  perSecond(median(found.map((r) => r.consume))),
  ms(percentile(late, 0.5)),
  ms(percentile(late, 0.99)),
  found.map((r) => Math.round(r.publish)).join(", "),
  found.map((r) => Math.round(r.consume)).join(", "),
];

async function rates(module: string, rounds: number): Promise<Rates[]> {
  const found: Rates[] = [];
  for (let round = 0; round < rounds; round++)
    found.push(JSON.parse(await child("rig.child.ts", module, MESSAGES)) as Rates);
  return found;
}

const lateness = async (module: string): Promise<number[]> =>
  JSON.parse(await child("lateness.child.ts", module, RETRIES)) as number[];

const child = (file: string, module: string, count: number): Promise<string> =>
  run(
    ["--import", "tsx", join(ROOT, "bench/lib", file), join(ROOT, "bench", `${module}.ts`), String(count)],
    { DATA_DIR: temporaryFolder() },
  );
