import { drained, ORDER, settled, startHub, type BenchHub } from "../lib/hub";
import { load } from "../lib/load";
import { ms, perSecond } from "../lib/stats";
import type { Options, Report } from "./section";

const WARM_UP_ORDERS = 500;

/** Places orders as fast as they are taken, and waits until each is ACTIVE, notified and audited. */
export async function complete({ connections, orders }: Options): Promise<Report> {
  const hub = await startHub();
  const rate = await completedPerSecond(hub, connections, orders);
  await hub.stop("SIGKILL");
  return {
    title: `complete: ${orders} orders placed, paid, seats reserved, notified, audited`,
    rows: [
      ["", "orders", "took"],
      ["accepted", perSecond(rate.accepted), ms((orders / rate.accepted) * 1_000)],
      ["until all are ACTIVE", perSecond(rate.active), ms((orders / rate.active) * 1_000)],
      ["until all is notified and audited", perSecond(rate.done), ms((orders / rate.done) * 1_000)],
    ],
    notes: [],
  };
}

/** How many orders a second a hub accepts, makes active, and has done with, from the first request on. */
export async function completedPerSecond(hub: BenchHub, connections: number, orders: number) {
  const token = await hub.user();
  const url = `${hub.url}/api/orders`;
  await load({ url, token, body: ORDER, connections, amount: WARM_UP_ORDERS });
  await drained(hub);

  const from = performance.now();
  const placed = await load({ url, token, body: ORDER, connections, amount: orders });
  if (placed.failed > 0) throw new Error(`${placed.failed} orders were not accepted.`);
  await settled(hub);
  const active = performance.now() - from;
  await drained(hub);
  const done = performance.now() - from;
  return { accepted: placed.perSecond, active: (orders / active) * 1_000, done: (orders / done) * 1_000 };
}
