/**
 * npm run stock-adapters: runs our channel adapters and those of `@moleculer/channels` through the conformance
 * suite, and prints what passes as a Markdown table. Needs COMMANDS_URL and EVENTS_URL of servers started by
 * `npm run servers`, since it kills them. Arguments: a part of a check's title, or several, to run only these.
 *
 * Each check of a stock adapter has a process of its own, killed when it takes too long: some of them never end.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Result = "pass" | "fail" | "hangs" | "n/a" | "not run";
interface Check {
  title: string;
  result: Result;
  why: string;
}
interface JestFile {
  testResults: {
    assertionResults: {
      ancestorTitles: string[];
      title: string;
      status: string;
      failureMessages: string[];
    }[];
  }[];
}

const JEST = join(createRequire(__filename).resolve("jest/package.json"), "../bin/jest.js");
const CONFIG = join(__dirname, "../test/conformance/channels/stock.jest.config.mjs");
const CHECK_LIMIT = 100_000;
const SUITE_LIMIT = 900_000;
const COLUMNS = [
  "embedded events",
  "embedded commands",
  "amqp commands",
  "kafka events",
  "stock amqp",
  "stock kafka",
];

/** Checks that skip themselves where the transport promises no such thing: a pass there says nothing. */
const EVENTS_ONLY = [
  "keeps the order of each key under concurrent publishes",
  "keeps the order of a key through retries, while other keys go on",
  "keeps the order of a key when the handler of a batch throws",
  "gives everything to each of several groups",
  "delivers a redriven message to its group alone",
];
const NOT_ON_KAFKA = ["doesn't let a retry hold up other messages"];
/** An embedded log has no server. */
const FAULT = "loses nothing that was confirmed when the server";
/** Checks of what the stock interface has no method for: batches, lag, drain, isUp. */
const NOT_IN_STOCK = [
  "says that it is up, once it is connected",
  "fills batches, and keeps to the batch size and to maxInFlight",
  "counts what a group has not finished",
  "takes nothing new once it drains, and waits for what is under way",
];

function notApplicable(column: string, title: string): boolean {
  const commands = column.includes("commands") || column === "stock amqp";
  return (
    (commands && EVENTS_ONLY.includes(title)) ||
    (column.startsWith("embedded") && title.startsWith(FAULT)) ||
    (column.includes("kafka") && NOT_ON_KAFKA.includes(title)) ||
    (column.startsWith("stock") && NOT_IN_STOCK.includes(title))
  );
}

const folder = mkdtempSync(join(tmpdir(), "stock-adapters-"));
let runs = 0;

/** Runs jest over the checks whose full name matches; null when it had to be killed. */
async function jest(file: string, pattern: string, limit: number): Promise<JestFile | null> {
  const output = join(folder, `${++runs}.json`);
  const args = ["-c", CONFIG, file, "-t", pattern, "--runInBand", "--forceExit", "--silent"];
  const child = spawn(process.execPath, [JEST, ...args, "--json", `--outputFile=${output}`], {
    stdio: "ignore",
    detached: true,
  });
  const timer = setTimeout(() => process.kill(-(child.pid as number), "SIGKILL"), limit);
  await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(timer);
  try {
    return JSON.parse(readFileSync(output, "utf8")) as JestFile;
  } catch {
    return null;
  }
}

function checksOf(file: JestFile, column: string): Check[] {
  return file.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ ancestorTitles, status }) => ancestorTitles[0] === column && status !== "pending")
    .map(({ title, status, failureMessages }) => ({
      title,
      result: status === "passed" ? "pass" : "fail",
      why: (failureMessages[0] ?? "").split("\n")[0],
    }));
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

async function ours(column: string, file: string): Promise<Check[]> {
  const result = await jest(file, `^${column} .*(${only.map(literally).join("|")})`, SUITE_LIMIT);
  return result ? checksOf(result, column) : [];
}

async function stock(column: string, titles: string[]): Promise<Check[]> {
  const checks: Check[] = [];
  for (const title of titles) {
    if (notApplicable(column, title)) continue;
    const result = await jest("stock.checks", `^${column} .*${literally(title)}$`, CHECK_LIMIT);
    const [check] = result ? checksOf(result, column) : [];
    checks.push(check ?? { title, result: "hangs", why: `killed after ${CHECK_LIMIT / 1_000} s` });
    const { result: word, why } = checks[checks.length - 1];
    process.stderr.write(`${column}: ${word}: ${title} ${why}\n`);
  }
  return checks;
}

const only = process.argv.slice(2);
const isWanted = (title: string): boolean => only.length === 0 || only.some((part) => title.includes(part));

async function main(): Promise<void> {
  const embedded = [await ours(COLUMNS[0], "embedded.spec"), await ours(COLUMNS[1], "embedded.spec")];
  // A run in which nothing matches lists the checks: those of faults of a server are only in there.
  const all = await jest("stock.checks", "^nothing", CHECK_LIMIT);
  const titles = (all?.testResults ?? [])
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ ancestorTitles: [column], title }) => column === COLUMNS[4] && isWanted(title))
    .map(({ title }) => title);
  const [rabbit, kafka] = await Promise.all([
    ours(COLUMNS[2], "amqp.spec").then(async (first) => [first, await stock(COLUMNS[4], titles)]),
    ours(COLUMNS[3], "kafka.spec").then(async (first) => [first, await stock(COLUMNS[5], titles)]),
  ]);
  const columns = [...embedded, rabbit[0], kafka[0], rabbit[1], kafka[1]];
  print(titles, columns);
  rmSync(folder, { recursive: true, force: true });
}

function print(titles: string[], columns: Check[][]): void {
  const row = (cells: string[]) => process.stdout.write(`| ${cells.join(" | ")} |\n`);
  row(["check", ...COLUMNS]);
  row(["---", ...COLUMNS.map(() => "---")]);
  for (const title of titles) {
    row([
      title,
      ...columns.map((checks, i): Result => {
        if (notApplicable(COLUMNS[i], title)) return "n/a";
        return checks.find((check) => check.title === title)?.result ?? "not run";
      }),
    ]);
  }
}

void main();
