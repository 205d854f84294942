import { newId } from "../../contracts/ids";
import type { NotificationView, PaymentView, Reconciliation } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { isOver, newPlan, orderIs, orderWhen, place, placed, stockOf } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";

let hub: TestHub;
let user: Person;

beforeAll(async () => {
  hub = await startHub();
  user = await signUp(hub.guest);
});
afterAll(() => hub?.stop());

const pay = (paymentMethod: string, planId = "basic", quantity = 1) => ({ planId, quantity, paymentMethod });

async function paymentOf(orderId: string): Promise<PaymentView | undefined> {
  const payments = await hub.admin.all<PaymentView>(`/api/admin/payments?orderId=${orderId}`);
  expect(payments.length).toBeLessThanOrEqual(1);
  return payments[0];
}

async function toldOf(orderId: string): Promise<string[]> {
  const told = await user.client.all<NotificationView>("/api/notifications");
  return told.filter((n) => n.orderId === orderId).map(({ type }) => type);
}

async function seatsAddUp(planId: string, reserved: number): Promise<void> {
  const stock = await waitFor(async () => {
    const now = await stockOf(hub.admin, planId);
    return now.reserved === reserved && now;
  });
  expect(Number(stock.available) + stock.reserved).toBe(stock.seats);
}

afterEach(async () => {
  const { body } = await hub.admin.get<Reconciliation>("/api/admin/payments/reconciliation");
  expect(body.mismatches).toEqual([]);
});

describe("an order ends as its payment method says", () => {
  test("pm_card_visa is charged once, activated and told", async () => {
    const order = await placed(user.client, pay("pm_card_visa"));
    expect(order.status).toBe("ACTIVE");
    expect(order).not.toHaveProperty("reason");
    expect(order).not.toHaveProperty("refund");
    expect(await paymentOf(order.id)).toMatchObject({ status: "succeeded", attempts: 1, amount: 900 });
    await waitFor(async () => (await toldOf(order.id)).length === 2);
    expect((await toldOf(order.id)).sort()).toEqual(["PaymentProcessed", "SubscriptionActivated"]);
  });

  test.each([
    ["pm_card_chargeDeclined", "card_declined"],
    ["pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"],
  ])("%s is declined and nothing is taken", async (method, reason) => {
    const order = await placed(user.client, pay(method));
    expect(order).toMatchObject({ status: "PAYMENT_FAILED", reason });
    expect(await paymentOf(order.id)).toMatchObject({ status: "failed", attempts: 1 });
    await waitFor(async () => (await toldOf(order.id)).includes("PaymentFailed"));
    expect((await user.client.post(`/api/orders/${order.id}/cancel`)).body.code).toBe("NOT_CANCELLABLE");
  });

  test("pm_sim_timeout and pm_sim_flaky are paid in the end, with one charge each", async () => {
    const [late, flaky] = await Promise.all([
      placed(user.client, pay("pm_sim_timeout")),
      placed(user.client, pay("pm_sim_flaky")),
    ]);
    expect([late.status, flaky.status]).toEqual(["ACTIVE", "ACTIVE"]);
    expect(await paymentOf(flaky.id)).toMatchObject({ status: "succeeded", attempts: 3 });
    const payment = await paymentOf(late.id);
    expect(payment?.status).toBe("succeeded");
    expect(payment?.attempts).toBeGreaterThanOrEqual(2);
  });

  test("an order of several plans is one charge and a subscription for each line", async () => {
    const limited = await newPlan(hub.admin, { seats: 5 });
    const order = await placed(user.client, {
      items: [
        { planId: "basic", quantity: 2 },
        { planId: limited, quantity: 3 },
      ],
      paymentMethod: "pm_card_visa",
    });
    expect(order).toMatchObject({ status: "ACTIVE", total: { amount: 2 * 900 + 3 * 1000, currency: "EUR" } });
    const subscriptions = await user.client.all<{
      orderId: string;
      planId: string;
      quantity: number;
      status: string;
      currentPeriodEnd: string;
    }>("/api/subscriptions");
    const own = subscriptions.filter((s) => s.orderId === order.id);
    expect(own.map(({ planId, quantity, status }) => ({ planId, quantity, status }))).toEqual([
      { planId: "basic", quantity: 2, status: "ACTIVE" },
      { planId: limited, quantity: 3, status: "ACTIVE" },
    ]);
    for (const { currentPeriodEnd } of own)
      expect(Date.parse(currentPeriodEnd)).toBeGreaterThan(Date.now() + 27 * 86_400_000);
    await seatsAddUp(limited, 3);
  });
});

describe("seats", () => {
  test("an order that finds no seat is refunded and cancelled, and takes none of any line", async () => {
    const scarce = await newPlan(hub.admin, { seats: 2 });
    const ample = await newPlan(hub.admin, { seats: 100 });
    const order = await placed(user.client, {
      items: [
        { planId: ample, quantity: 1 },
        { planId: scarce, quantity: 3 },
      ],
      paymentMethod: "pm_card_visa",
    });
    expect(order).toMatchObject({ status: "CANCELLED", reason: "OUT_OF_STOCK", refund: "done" });
    expect(await paymentOf(order.id)).toMatchObject({ status: "refunded" });
    await seatsAddUp(scarce, 0);
    await seatsAddUp(ample, 0);
    await waitFor(async () => (await toldOf(order.id)).length === 3);
    expect((await toldOf(order.id)).sort()).toEqual([
      "OrderCancelled",
      "PaymentProcessed",
      "PaymentRefunded",
    ]);
  });

  test("when many want the last seats, exactly those that fit get them", async () => {
    const scarce = await newPlan(hub.admin, { seats: 7 });
    const orders = await Promise.all(
      Array.from({ length: 20 }, () => placed(user.client, pay("pm_card_visa", scarce))),
    );
    expect(orders.filter(({ status }) => status === "ACTIVE")).toHaveLength(7);
    expect(orders.filter(({ status, refund }) => status === "CANCELLED" && refund === "done")).toHaveLength(
      13,
    );
    await seatsAddUp(scarce, 7);
  });
});

test("seats that are asked for before their plan is known wait for it", async () => {
  const [planId, orderId] = [`early-${newId()}`, newId()];
  await hub.broker.publishEvent(
    "hub.payments",
    {
      eventId: newId(),
      eventType: "PaymentProcessed",
      timestamp: new Date().toISOString(),
      version: "1.0",
      source: "payments",
      correlationId: orderId,
      causationId: orderId,
      key: orderId,
      sequence: 1,
      data: {
        orderId,
        userId: newId(),
        paymentId: orderId,
        amount: 900,
        currency: "EUR",
        items: [{ planId, quantity: 1 }],
      },
    },
    { key: orderId },
  );
  await newPlan(hub.admin, { id: planId, seats: 2 });
  await seatsAddUp(planId, 1);
});

describe("a cancel", () => {
  test("right after the order ends it without a charge, or with the money back", async () => {
    const limited = await newPlan(hub.admin, { seats: 10 });
    const orders = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { id } = await place(user.client, pay("pm_card_visa", limited));
        const { status, body } = await user.client.post(`/api/orders/${id}/cancel`);
        expect(status).toBe(202);
        expect(body.status).toBe("CANCELLED");
        return orderWhen(user.client, id, isOver);
      }),
    );
    for (const order of orders) {
      expect(order).toMatchObject({ status: "CANCELLED", reason: "CANCELLED_BY_USER" });
      const payment = await paymentOf(order.id);
      expect([order.refund, payment?.status]).toEqual(
        order.refund === "done" ? ["done", "refunded"] : ["none", "failed"],
      );
    }
    await seatsAddUp(limited, 0);
  });

  test("while the charge is in flight gives the money back", async () => {
    const { id } = await place(user.client, pay("pm_sim_timeout"));
    await waitFor(async () => (await paymentOf(id))?.status);
    expect((await user.client.post(`/api/orders/${id}/cancel`)).status).toBe(202);
    const order = await orderWhen(user.client, id, isOver);
    expect(order).toMatchObject({ status: "CANCELLED", refund: "done" });
    expect(await paymentOf(id)).toMatchObject({ status: "refunded", attempts: 1 });
  });

  test("of an active order frees its seats, ends its subscriptions and gives the money back", async () => {
    const limited = await newPlan(hub.admin, { seats: 4 });
    const { id } = await placed(user.client, pay("pm_card_visa", limited, 4));
    await seatsAddUp(limited, 4);
    expect((await user.client.post(`/api/orders/${id}/cancel`)).status).toBe(202);
    expect(await orderWhen(user.client, id, isOver)).toMatchObject({ status: "CANCELLED", refund: "done" });
    await seatsAddUp(limited, 0);
    const subscriptions = await user.client.all<{ orderId: string; status: string }>("/api/subscriptions");
    expect(subscriptions.filter((s) => s.orderId === id)).toMatchObject([{ status: "CANCELLED" }]);
  });

  test("twice is refused the second time, and by another user it is a 404", async () => {
    const stranger = await signUp(hub.guest);
    const { id } = await placed(user.client);
    expect((await stranger.client.post(`/api/orders/${id}/cancel`)).status).toBe(404);
    expect((await user.client.post(`/api/orders/${id}/cancel`)).status).toBe(202);
    const again = await user.client.post(`/api/orders/${id}/cancel`);
    expect([again.status, again.body.code]).toEqual([409, "NOT_CANCELLABLE"]);
  });

  test("by an administrator says so", async () => {
    const { id } = await placed(user.client);
    const { status, body } = await hub.admin.post(`/api/admin/orders/${id}/cancel`);
    expect([status, body.status]).toEqual([202, "CANCELLED"]);
    expect(await orderIs(user.client, id, "CANCELLED")).toMatchObject({ reason: "CANCELLED_BY_ADMIN" });
    expect((await hub.admin.post("/api/admin/orders/nope/cancel")).status).toBe(404);
  });
});

test("a suspicious order is refused with its id, stored as REJECTED and never charged", async () => {
  const { status, body } = await user.client.post("/api/orders", pay("pm_card_visa", "business", 4));
  expect([status, body.code]).toEqual([422, "FRAUD_SUSPECTED"]);
  const { body: order } = await user.client.get<{ status: string; reason: string }>(
    `/api/orders/${body.orderId}`,
  );
  expect(order).toMatchObject({ status: "REJECTED", reason: "FRAUD_SUSPECTED" });
  expect(await paymentOf(String(body.orderId))).toBeUndefined();
  await waitFor(async () => (await toldOf(String(body.orderId))).includes("OrderRejected"));
});
