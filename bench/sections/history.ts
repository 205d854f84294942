import { join } from "node:path";
import { ROOT, run, temporaryFolder } from "../lib/child";
import type { HistoryResult } from "../lib/history.child";
import { freshDatabase } from "../lib/hub";
import { ms, percentile, perSecond } from "../lib/stats";
import type { Options, Report } from "./section";

/** The event store when it is large: how fast it takes events, finds those of an order, and replays. */
export async function history({ events: wanted }: Options): Promise<Report> {
  const { MONGO_URL } = process.env;
  const text = await run(["--import", "tsx", join(ROOT, "bench/lib/history.child.ts"), String(wanted)], {
    DATA_DIR: temporaryFolder(),
    ...(MONGO_URL && { MONGO_URL: freshDatabase(MONGO_URL) }),
  });
  const { events, kept, told, read, replayed, looks } = JSON.parse(text) as HistoryResult;
  return {
    title: `history: an event store of ${events.toLocaleString("en-US")} events`,
    rows: [
      ["", "events", "p50", "p99"],
      ["kept by the audit", perSecond(kept)],
      ["kept, and told to the read models", perSecond(told)],
      ["the timeline of an order", "", ms(percentile(looks, 0.5)), ms(percentile(looks, 0.99))],
      ["a bare read of the dashboard's events", perSecond(read)],
      ["a replay of the dashboard: read, fold, compare, switch", perSecond(replayed)],
    ],
    notes: [`ratio of the replay to the bare read ${(replayed / read).toFixed(2)}`],
  };
}
