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
  const { COMMANDS_URL, EVENTS_URL } = process.env;
  if (COMMANDS_URL) notes.push(...(await beside("rabbit", { rabbit: "amqplib by hand" }, rounds, rows)));
  if (EVENTS_URL) {
    const byHand = { kafka: "kafkajs by hand", "kafka-headers": "kafkajs by hand, with the same headers" };
    notes.push(...(await beside("kafka", byHand, rounds, rows)));
  }
  rows.push(row("embedded log", await rates("ours/embedded", rounds), await lateness("ours/embedded")));
  return {
    title: `adapters: ${MESSAGES} messages of 600 bytes, 512 under way, ${rounds} rounds, medians; ${RETRIES} retries after 1 s`,
    rows,
    notes,
  };
}

/** Measures ours and the raw clients one after the other, round by round; a line with the ratios to each. */
async function beside(
  name: string,
  raw: Record<string, string>,
  rounds: number,
  rows: string[][],
): Promise<string[]> {
  const modules = [`ours/${name}`, ...Object.keys(raw).map((file) => `raw/${file}`)];
  const found = new Map(modules.map((module): [string, Rates[]] => [module, []]));
  for (let round = 0; round < rounds; round++)
    for (const [module, of] of found) of.push(...(await rates(module, 1)));
  const [ours = [], ...theirs] = found.values();
  const labels = Object.values(raw);
  rows.push(row(`${name}: the hub's adapter`, ours, await lateness(`ours/${name}`)));
  theirs.forEach((of, i) => rows.push(row(`${name}: ${labels[i]}`, of)));
  return theirs.map((of, i) => {
    const ratio = (what: keyof Rates): string =>
      (median(ours.map((r) => r[what])) / median(of.map((r) => r[what]))).toFixed(2);
    return `${name}: ratio to ${labels[i]}: publish ${ratio("publish")}, consume ${ratio("consume")}`;
  });
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
