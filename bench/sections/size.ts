import { join } from "node:path";
import { ROOT, run, temporaryFolder } from "../lib/child";
import { ADMIN, freshDatabase, startHub } from "../lib/hub";
import { median, perSecond } from "../lib/stats";
import { completedPerSecond } from "./complete";
import type { Options, Report } from "./section";

type Rates = Awaited<ReturnType<typeof completedPerSecond>>;

/** A hub whose store has many orders, beside one whose store has none; in turns. */
export async function size({ connections, orders, rounds, stored }: Options): Promise<Report> {
  const { MONGO_URL } = process.env;
  const store = {
    DATA_DIR: temporaryFolder(),
    ...(MONGO_URL && { MONGO_URL: freshDatabase(MONGO_URL) }),
  };
  await run(["--import", "tsx", join(ROOT, "bench/lib/fill.child.ts"), String(stored)], {
    ...store,
    ADMIN_EMAIL: ADMIN.email,
    ADMIN_PASSWORD: ADMIN.password,
  });
  const full: Rates[] = [];
  const empty: Rates[] = [];
  for (let round = 0; round < rounds; round++)
    for (const [rates, env] of [
      [full, store],
      [empty, {}],
    ] as const) {
      const hub = await startHub([], env);
      rates.push(await completedPerSecond(hub, connections, orders));
      await hub.stop("SIGTERM");
    }
  const row = (name: string, rateOf: (rates: Rates) => number): string[] => {
    const [there, beside] = [median(full.map(rateOf)), median(empty.map(rateOf))];
    return [name, perSecond(there), perSecond(beside), (there / beside).toFixed(2)];
  };
  return {
    title: `size: a store of ${stored.toLocaleString("en-US")} orders beside an empty one, ${rounds} rounds of ${orders} orders, medians`,
    rows: [
      ["", "with them", "empty", "ratio"],
      row("accepted", ({ accepted }) => accepted),
      row("until all are ACTIVE", ({ active }) => active),
      row("until all is notified and audited", ({ done }) => done),
    ],
    notes: [],
  };
}
