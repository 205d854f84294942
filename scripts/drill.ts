/**
 * Kills and restarts each backing service and each kind of node while orders flow, and looks at the books.
 *
 *   npm run drill -- [--runs N] [--seed S] [--quick]
 *
 * It uses the servers of `npm run servers`, and brings them up when the environment names none. Ends with 1
 * and the seed of the run when an order was lost, charged twice or told wrongly.
 */
import { parseArgs } from "node:util";
import { isClean } from "../test/support/ledger";
import { run } from "./drill/run";
import { openServers } from "./drill/servers";
import { details, HEAD, row } from "./drill/table";

const OUTAGE_MS: [number, number] = [2_000, 8_000];
const SHORT_OUTAGE_MS: [number, number] = [500, 1_500];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { runs: { type: "string" }, seed: { type: "string" }, quick: { type: "boolean" } },
  });
  const runs = Number(values.runs ?? 1);
  const first = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(first))
    throw new Error("--runs takes a number from 1, --seed a whole number.");
  const servers = openServers();
  for (let seed = first; seed < first + runs; seed++) {
    const began = Date.now();
    console.log(`\nrun ${seed - first + 1} of ${runs}, seed ${seed}\n${HEAD}`);
    const results = await run(servers, {
      seed,
      outage: values.quick ? SHORT_OUTAGE_MS : OUTAGE_MS,
      onResult: (result) => console.log([row(result), ...details(result)].join("\n")),
    });
    console.log(`${((Date.now() - began) / 1000).toFixed(0)} s`);
    if (!results.every(({ found }) => isClean(found))) {
      console.log(`FAILED: npm run drill -- --seed ${seed}${values.quick ? " --quick" : ""}`);
      return 1;
    }
  }
  console.log("clean");
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error.stack);
    process.exit(1);
  },
);
