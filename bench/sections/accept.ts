import { start, temporaryFolder } from "../lib/child";
import { drained, ORDER, PRIVATE_KEY, startHub } from "../lib/hub";
import { load, type LoadResult } from "../lib/load";
import { median, ms, perSecond } from "../lib/stats";
import { onServers, type Options, type Report } from "./section";

/** The first seconds of a process are the compiler's. */
const WARM_UP_SECONDS = 2;

/** `POST /api/orders` to its 202, beside a bare server that does by hand what a 202 needs; in turns. */
export async function accept(options: Options): Promise<Report> {
  const bare: LoadResult[] = [];
  const hub: LoadResult[] = [];
  const ready: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const own = await hubRound(options);
    hub.push(own.result);
    ready.push(own.readyAfter);
    bare.push(await bareRound(options, own.token));
  }
  const ratio = median(hub.map((r) => r.perSecond)) / median(bare.map((r) => r.perSecond));
  const failed = [...hub, ...bare].reduce((sum, r) => sum + r.failed, 0);
  return {
    title: `accept: POST /api/orders to its 202, ${options.connections} connections, ${options.rounds} rounds of ${options.seconds} s, medians`,
    rows: [
      ["", "accepted", "p50", "p99", "rounds"],
      row("hub", hub),
      row(onServers() ? "by hand: insert + confirmed publish" : "by hand: one SQLite commit each", bare),
    ],
    notes: [
      `ratio ${ratio.toFixed(2)}`,
      `ready after ${ms(median(ready))} from the start of the process`,
      ...(failed > 0 ? [`${failed} requests FAILED`] : []),
    ],
  };
}

const row = (name: string, results: LoadResult[]): string[] => [
  name,
  perSecond(median(results.map((r) => r.perSecond))),
  ms(median(results.map((r) => r.p50))),
  ms(median(results.map((r) => r.p99))),
  results.map((r) => Math.round(r.perSecond)).join(", "),
];

async function hubRound({ connections, seconds }: Options) {
  const hub = await startHub();
  const token = await hub.user();
  const url = `${hub.url}/api/orders`;
  await load({ url, token, body: ORDER, connections, seconds: WARM_UP_SECONDS });
  const result = await load({ url, token, body: ORDER, connections, seconds });
  // Its files go; on real servers what it has begun must not disturb the next round.
  if (onServers()) await drained(hub);
  await hub.stop("SIGKILL");
  return { result, token, readyAfter: hub.readyAfter };
}

async function bareRound({ connections, seconds }: Options, token: string): Promise<LoadResult> {
  const file = onServers() ? "bench/raw/bare-servers.ts" : "bench/raw/bare-sqlite.ts";
  const env = { DATA_DIR: temporaryFolder(), JWT_PRIVATE_KEY: PRIVATE_KEY };
  const bare = await start(file, /ready: (http:\S+)/, { env });
  const url = bare.found[1] as string;
  await load({ url, token, body: ORDER, connections, seconds: WARM_UP_SECONDS });
  const result = await load({ url, token, body: ORDER, connections, seconds });
  await bare.stop("SIGKILL");
  return result;
}
