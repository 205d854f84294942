import { drained, freshDatabase, ORDER, settled, startHub, type BenchHub } from "../lib/hub";
import { load } from "../lib/load";
import { median, perSecond } from "../lib/stats";
import type { Options, Report } from "./section";

const WARM_UP_ORDERS = 500;

/** Two nodes, each with all services, beside one, on the same servers; in turns. */
export async function nodes({ connections, orders, rounds }: Options): Promise<Report> {
  const { MONGO_URL, COMMANDS_URL, EVENTS_URL, TRANSPORTER } = process.env;
  if (!MONGO_URL || !COMMANDS_URL || !EVENTS_URL || !TRANSPORTER)
    return { title: "nodes: only on real servers", rows: [], notes: [] };
  const rates = new Map<number, number[]>([
    [1, []],
    [2, []],
  ]);
  for (let round = 0; round < rounds; round++)
    for (const [count, found] of rates) {
      const env = { MONGO_URL: freshDatabase(MONGO_URL) };
      const hubs: BenchHub[] = [];
      for (let n = 0; n < count; n++)
        hubs.push(await startHub([], { ...env, NODE_ID: `bench-${round}-${count}-${n}` }));
      found.push(await completed(hubs, connections, orders));
      await Promise.all(hubs.map((hub) => hub.stop("SIGTERM")));
    }
  const [one, two] = [...rates.values()].map(median) as [number, number];
  return {
    title: `nodes: ${orders} orders until all are ACTIVE, ${connections} connections over all gateways, ${rounds} rounds, medians`,
    rows: [
      ["", "orders"],
      ["one node", perSecond(one)],
      ["two nodes", perSecond(two)],
    ],
    notes: [`ratio ${(two / one).toFixed(2)}`],
  };
}

async function completed(hubs: BenchHub[], connections: number, orders: number): Promise<number> {
  const [first] = hubs as [BenchHub];
  const token = await first.user();
  const place = (amount: number) =>
    Promise.all(
      hubs.map(({ url }) =>
        load({
          url: `${url}/api/orders`,
          token,
          body: ORDER,
          connections: connections / hubs.length,
          amount: amount / hubs.length,
        }),
      ),
    );
  await place(WARM_UP_ORDERS);
  await drained(first);
  const from = performance.now();
  const placed = await place(orders);
  if (placed.some(({ failed }) => failed > 0)) throw new Error("Some orders were not accepted.");
  await settled(first);
  return (orders / (performance.now() - from)) * 1_000;
}
