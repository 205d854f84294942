import { randomInt } from "node:crypto";
import type { Client, OrderView, PaymentView, Reconciliation, StockView } from "../support/client";
import { ADMIN, makePlace, type Place } from "../support/environment";
import { isOver, newPlan, settled } from "../support/orders";
import { signIn, signUp, type Person } from "../support/people";
import { HubProcess } from "../support/process";
import { seeded, type Random } from "../support/random";
import { waitFor } from "../support/wait";

/** The program is killed so often, each time after a random time under load. */
const KILLS = 10;
const SEED = Number(process.env.CRASH_SEED ?? randomInt(2 ** 31));
const CLIENTS = 6;
/** The most orders of one customer in one round: the kill is to come while the hub is busy, not the test's end. */
const ORDERS = 25;

let place: Place;
let hub: HubProcess;

beforeAll(async () => {
  place = await makePlace();
});
afterAll(async () => {
  await hub?.end("SIGKILL");
  await place?.remove();
});

/** What a customer was promised. */
interface Promised {
  id: string;
  key: string;
  cancelled: boolean;
}

/** Somebody who orders and sometimes cancels until the hub goes away; keeps what was accepted. */
async function shop(
  client: Client,
  limited: string,
  random: Random,
  accepted: Promised[],
  isUp: () => boolean,
): Promise<void> {
  for (let i = 0; i < ORDERS && isUp(); i++) {
    const key = `key-${random.below(2 ** 31)}-${accepted.length}`;
    const dice = random.below(100);
    const body = {
      items: [
        { planId: "basic", quantity: 1 + random.below(3) },
        ...(dice < 40 ? [{ planId: limited, quantity: 1 }] : []),
      ],
      paymentMethod: dice % 7 === 0 ? "pm_card_chargeDeclined" : "pm_card_visa",
    };
    try {
      const { status, body: order } = await client.post<OrderView>("/api/orders", body, {
        "idempotency-key": key,
      });
      if (status !== 202) continue;
      const promised: Promised = { id: order.id, key, cancelled: false };
      accepted.push(promised);
      if (dice < 80) continue;
      const cancel = await client.post(`/api/orders/${order.id}/cancel`);
      promised.cancelled = cancel.status === 202;
    } catch {
      // The hub was killed under the request: whether it was taken is open.
    }
  }
}

test("a hub killed at ten random moments keeps every promise", async () => {
  const random = seeded(SEED);
  const accepted: Promised[] = [];
  let people: Person[] = [];
  let limited = "";
  try {
    for (let round = 0; round < KILLS; round++) {
      hub = await HubProcess.start(place.settings);
      const { client } = hub;
      if (round === 0) {
        limited = await newPlan((await signIn(client, ADMIN)).client, { seats: 40 });
        people = await Promise.all(Array.from({ length: CLIENTS }, () => signUp(client)));
      }
      const until = Date.now() + 20 + random.below(700);
      const shopping = people.map(({ session }) =>
        shop(client.as(session.accessToken), limited, random, accepted, () => hub.running),
      );
      await waitFor(() => Date.now() >= until);
      expect(await hub.end("SIGKILL")).toMatchObject({ signal: "SIGKILL" });
      await Promise.all(shopping);
    }

    hub = await HubProcess.start(place.settings);
    const { client } = hub;
    // The administrator's password and the customers' tokens of the first start still hold.
    const admin = (await signIn(client, ADMIN)).client;
    for (const { session } of people)
      expect((await client.as(session.accessToken).get("/api/auth/me")).status).toBe(200);

    expect(accepted.length).toBeGreaterThan(KILLS);
    const orders = await waitFor(
      async () => {
        if (!(await settled(admin))) return false;
        const all = await admin.all<OrderView>("/api/admin/orders");
        return all.every(isOver) && new Map(all.map((order) => [order.id, order]));
      },
      { timeout: 40_000 },
    );
    const payments = new Map(
      (await admin.all<PaymentView>("/api/admin/payments")).map((payment) => [payment.orderId, payment]),
    );

    expect(accepted.filter(({ id }) => !orders.has(id))).toEqual([]);
    expect(
      accepted.filter(({ id, cancelled }) => cancelled && orders.get(id)?.status !== "CANCELLED"),
    ).toEqual([]);
    for (const { id, status, refund, total } of orders.values()) {
      const payment = payments.get(id);
      const wanted =
        status === "ACTIVE"
          ? "succeeded"
          : status === "CANCELLED" && refund === "done"
            ? "refunded"
            : "failed";
      expect({ id, status: payment?.status, amount: payment?.amount }).toEqual({
        id,
        status: wanted,
        amount: total.amount,
      });
    }

    // Seats that are held are those of active orders, no more and no fewer, and never more than there are.
    const held = [...orders.values()]
      .filter(({ status }) => status === "ACTIVE")
      .flatMap(({ items }) => items)
      .filter(({ planId }) => planId === limited)
      .reduce((sum, { quantity }) => sum + quantity, 0);
    const stock = await waitFor(async () => {
      const now = (await admin.all<StockView>("/api/admin/inventory")).find((s) => s.planId === limited);
      return now?.reserved === held && now;
    });
    expect(Number(stock.available) + stock.reserved).toBe(40);

    const { body: books } = await admin.get<Reconciliation>("/api/admin/payments/reconciliation");
    expect(books).toMatchObject({ orders: orders.size, mismatches: [] });
    const paid = [...payments.values()].filter(({ status }) => /succeeded|refunded/.test(status));
    expect(books.charges).toBe(paid.length);
  } catch (error) {
    (error as Error).message =
      `CRASH_SEED=${SEED} (${accepted.length} accepted)\n${(error as Error).message}`;
    throw error;
  }
}, 240_000);
