import { isClean } from "../test/support/ledger";
import { run as drill } from "./drill/run";
import { openServers } from "./drill/servers";
import { details, HEAD, row } from "./drill/table";
import { print, readOptions, run, whole } from "./program";

const USAGE = `npm run drill -- [--runs 1] [--seed NUMBER] [--quick]

Kills and restarts each backing service and each kind of node while orders flow, and looks at the books. It uses
the servers of npm run servers, and brings them up when the environment names none. --quick: short outages.
Exit code 1, and the seed of the run: an order was lost, charged twice or told wrongly.`;

const OUTAGE_MS: [number, number] = [2_000, 8_000];
const SHORT_OUTAGE_MS: [number, number] = [500, 1_500];

const { values } = readOptions(USAGE, {
  options: {
    runs: { type: "string", default: "1" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
    quick: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  const runs = whole("--runs", values.runs);
  const first = whole("--seed", values.seed, 0);
  const servers = openServers();
  for (let seed = first; seed < first + runs; seed++) {
    const began = Date.now();
    print(`\nrun ${seed - first + 1} of ${runs}, seed ${seed}\n${HEAD}`);
    const results = await drill(servers, {
      seed,
      outage: values.quick ? SHORT_OUTAGE_MS : OUTAGE_MS,
      onResult: (result) => print([row(result), ...details(result)].join("\n")),
    });
    print(`${((Date.now() - began) / 1000).toFixed(0)} s`);
    if (!results.every(({ found }) => isClean(found))) {
      print(`FAILED: npm run drill -- --seed ${seed}${values.quick ? " --quick" : ""}`);
      return 1;
    }
  }
  print("clean");
  return 0;
}

run(main);
