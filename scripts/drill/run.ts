import type { Client, OrderView } from "../../test/support/client";
import { audit, isClean, type Findings } from "../../test/support/ledger";
import { Mesh } from "../../test/support/mesh";
import { isOver, newPlan } from "../../test/support/orders";
import { signUp } from "../../test/support/people";
import { Shop, type Purchase } from "../../test/support/shop";
import { waitFor } from "../../test/support/wait";
import { faults, KINDS, type Fault } from "./faults";
import { Random } from "./random";
import type { Servers } from "./servers";

/** What became of one drill. */
export interface Result {
  drill: string;
  /** Orders accepted during this drill. */
  orders: number;
  /** From the end of the outage until every order had ended; null when one never did. */
  recoveryMs: number | null;
  found: Findings;
}

export interface RunOptions {
  seed: number;
  /** How long something stays broken, shortest and longest, in milliseconds. */
  outage: [number, number];
  onResult(result: Result): void;
}

/** How long orders may take to end after an outage: the saga asks again after 20 s, and then after 40 more. */
const PATIENCE = { timeout: 120_000 };
/** What the event store and the notifications may lag behind the orders. */
const SETTLE = { timeout: 60_000 };
const TILLS = 4;
const PACE_MS = 100;
const SEATS = 60;

/** One round: each fault in turn, with orders flowing, and the books looked at after each. */
export async function run(servers: Servers, { seed, outage, onResult }: RunOptions): Promise<Result[]> {
  const random = new Random(seed);
  const mesh = await Mesh.start(KINDS);
  const results: Result[] = [];
  try {
    const admin = await mesh.admin();
    const people = await Promise.all([signUp(mesh.guest), signUp(mesh.guest)]);
    const customers = people.map(({ client }) => client);
    const limited = await newPlan(admin, { seats: SEATS });
    const shop = new Shop(customers, () => purchase(random, limited));
    for (const fault of faults(mesh, servers, random)) {
      const result = await drill(fault, { admin, customers, shop, ms: random.between(...outage) });
      results.push(result);
      onResult(result);
      if (!isClean(result.found)) {
        for (const { name, output } of mesh.nodes.values())
          process.stderr.write(`--- ${name}\n${output.slice(-3_000)}\n`);
        break;
      }
    }
  } finally {
    // A fault that could not be mended must not be left to the next run.
    await Promise.all(Object.values(servers).map((server) => server.start()));
    await mesh.stop();
  }
  return results;
}

/** Mostly what goes well; some decline, some pay late, some find no seat, some are cancelled. */
function purchase(random: Random, limited: string): Purchase {
  const paymentMethod = random.pick([
    ...Array<string>(8).fill("pm_card_visa"),
    "pm_card_chargeDeclined",
    "pm_sim_flaky",
  ]);
  const planId = random.next() < 0.5 ? limited : random.pick(["basic", "pro"]);
  return { body: { planId, quantity: 1, paymentMethod }, cancel: random.next() < 0.1 };
}

interface Scene {
  admin: Client;
  customers: Client[];
  shop: Shop;
  /** Length of the outage. */
  ms: number;
}

async function drill(fault: Fault, { admin, customers, shop, ms }: Scene): Promise<Result> {
  const before = shop.accepted.length;
  shop.start(TILLS, PACE_MS);
  await waitFor(() => shop.accepted.length > before + TILLS, PATIENCE);
  await fault.strike();
  await new Promise((resolve) => setTimeout(resolve, ms));
  await fault.mend();
  const mended = Date.now();
  const atMend = shop.accepted.length;
  await waitFor(() => shop.accepted.length > atMend + TILLS, PATIENCE);
  await shop.close();

  const over = await waitFor(() => allOver(admin), PATIENCE).catch(() => false);
  const recoveryMs = over ? Date.now() - mended : null;
  // After an outage nodes find each other again within seconds; until then a gateway may say 503.
  const look = () => audit(admin, shop.accepted, customers).catch(unlessUnavailable);
  let found: Findings = await waitFor(look, SETTLE);
  if (over)
    await waitFor(async () => {
      if (isClean(found)) return true;
      found = (await look()) ?? found;
      return isClean(found);
    }, SETTLE).catch(() => undefined);
  return { drill: fault.name, orders: shop.accepted.length - before, recoveryMs, found };
}

function unlessUnavailable(error: Error): null {
  if (error.message.includes(": 503 ")) return null;
  throw error;
}

/** Only those that may still move are read: the list of all grows. */
async function allOver(admin: Client): Promise<boolean> {
  for (const status of ["PENDING", "PAID", "CANCELLED"]) {
    const orders = await admin.all<OrderView>(`/api/admin/orders?status=${status}`).catch(() => null);
    if (!orders?.every(isOver)) return false;
  }
  return true;
}
