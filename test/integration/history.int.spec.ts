import { randomUUID } from "node:crypto";
import type { DeadLetterView, EventView, NotificationView, OrderView, Stats } from "../support/client";
import type { Timeline } from "../../domain/timeline";
import { startHub, type TestHub } from "../support/hub";
import { isOver, isQuiet, newPlan, orderWhen, placed, stockOf, VISA } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";

let hub: TestHub;
let user: Person;

beforeAll(async () => {
  hub = await startHub();
  user = await signUp(hub.guest);
});
afterAll(() => hub?.stop());

const eventsOf = (correlationId: string) =>
  hub.admin.all<EventView>(`/api/admin/audit?correlationId=${correlationId}`);

const lettersOf = async (messageId: string) =>
  (await hub.admin.all<DeadLetterView>("/api/admin/dead-letters")).filter((l) => l.messageId === messageId);

/** An order that was paid, active and cancelled, with all that was told of it. */
async function lived(): Promise<{ order: OrderView; timeline: Timeline }> {
  const { id } = await placed(user.client);
  await user.client.post(`/api/orders/${id}/cancel`);
  const order = await orderWhen(user.client, id, isOver);
  const timeline = await waitFor(async () => {
    const { body } = await user.client.get<Timeline>(`/api/orders/${id}/timeline`);
    return body.entries.filter(({ kind }) => kind === "notification").length === 4 && body;
  });
  return { order, timeline };
}

test("the timeline shows the whole journey, each step after its cause", async () => {
  const { order, timeline } = await lived();
  expect(timeline).toMatchObject({ orderId: order.id, correlationId: expect.any(String) });
  const types = timeline.entries.map(({ kind, type }) => `${kind} ${type}`);
  for (const step of [
    "request POST /api/orders",
    "command payments.charge",
    "event OrderPlaced",
    "event PaymentProcessed",
    "event OrderUpdated",
    "event InventoryReserved",
    "event SubscriptionActivated",
    "request POST /api/orders/:id/cancel",
    "command payments.refund",
    "event OrderCancelled",
    "event InventoryReleased",
    "event PaymentRefunded",
    "notification NotificationSent",
  ])
    expect(types).toContain(step);
  const times = timeline.entries.map(({ at }) => at);
  expect(times).toEqual([...times].sort());
  // Every cause is a step of the journey, or the request of the administrator's or user's call.
  const ids = new Set(timeline.entries.map(({ id }) => id));
  expect(timeline.entries.filter(({ causationId }) => causationId !== null && !ids.has(causationId))).toEqual(
    [],
  );
  const where = new Map(timeline.entries.map(({ id }, i) => [id, i]));
  for (const [i, { causationId }] of timeline.entries.entries())
    if (causationId !== null) expect(where.get(causationId)).toBeLessThan(i);
  const { body } = await hub.admin.get<Timeline>(`/api/orders/${order.id}/timeline`);
  expect(body.orderId).toBe(order.id);
});

test("an order can be seen as it was at any moment", async () => {
  const { order, timeline } = await lived();
  const asOf = (at: string | number) =>
    hub.admin.get<OrderView>(
      `/api/admin/orders/${order.id}?at=${encodeURIComponent(new Date(at).toISOString())}`,
    );
  const before = Date.parse(order.createdAt) - 1;
  expect((await asOf(before)).status).toBe(404);
  expect((await asOf(order.createdAt)).body).toMatchObject({ status: "PENDING", version: 1 });
  expect((await asOf(Date.now() + 1_000)).body).toEqual(
    (await hub.admin.get(`/api/admin/orders/${order.id}`)).body,
  );
  const cancel = timeline.entries.find(({ type }) => type.endsWith("/cancel"));
  const then = (await asOf(Date.parse(String(cancel?.at)) - 1)).body;
  expect(then.status).toBe("ACTIVE");
  expect(then).not.toHaveProperty("refund");
});

describe("a message that comes twice", () => {
  test("changes nothing: every event of an order again, in any order", async () => {
    const planId = await newPlan(hub.admin, { seats: 3 });
    const order = await placed(user.client, { ...VISA, planId });
    const { body } = await user.client.get<Timeline>(`/api/orders/${order.id}/timeline`);
    const events = await waitFor(async () => {
      const found = await eventsOf(body.correlationId);
      return found.filter(({ eventType }) => eventType === "NotificationSent").length === 2 && found;
    });
    const told = await user.client.all<NotificationView>("/api/notifications");
    const topics: Record<string, string> = {
      orders: "hub.orders",
      payments: "hub.payments",
      inventory: "hub.inventory",
      notifications: "hub.notifications",
    };
    for (const event of [...events].reverse())
      await hub.broker.publishEvent(String(topics[event.source]), event, { key: event.key });
    await waitFor(() => isQuiet(hub.admin));
    const now = (await user.client.get<OrderView>(`/api/orders/${order.id}`)).body;
    expect(now).toEqual(order);
    expect(await user.client.all("/api/notifications")).toEqual(told);
    expect(await stockOf(hub.admin, planId)).toMatchObject({ available: 2, reserved: 1 });
    const ids = (await eventsOf(body.correlationId)).map(({ id }) => id);
    expect(ids.sort()).toEqual(events.map(({ id }) => id).sort());
  });

  test("is charged once: the command again, under the same id and another", async () => {
    const order = await placed(user.client);
    const data = {
      orderId: order.id,
      userId: user.id,
      ...order.total,
      paymentMethod: "pm_card_visa",
      items: order.items.map(({ planId, quantity }) => ({ planId, quantity })),
    };
    for (let i = 0; i < 3; i++) {
      const command = {
        commandId: randomUUID(),
        commandType: "payments.charge",
        data,
        ...envelope(order.id),
      };
      await hub.broker.sendCommand("payments.charge", command, { key: order.id });
    }
    await waitFor(() => isQuiet(hub.admin));
    const payments = await hub.admin.all<{ attempts: number }>(`/api/admin/payments?orderId=${order.id}`);
    expect(payments).toMatchObject([{ status: "succeeded", attempts: 1 }]);
    expect((await user.client.get(`/api/orders/${order.id}`)).body).toEqual(order);
  });
});

const envelope = (key: string) => ({
  timestamp: new Date().toISOString(),
  version: "1.0",
  source: "elsewhere",
  correlationId: randomUUID(),
  causationId: randomUUID(),
  key,
  sequence: 1,
});

describe("a foreign message", () => {
  test("that breaks its contract is put aside for each reader, with the reason, and hurts nobody", async () => {
    const eventId = randomUUID();
    const event = { eventId, eventType: "PaymentProcessed", data: { orderId: 7 }, ...envelope("foreign") };
    await hub.broker.publishEvent("hub.payments", event, {
      key: "foreign",
      headers: { "x-from": "elsewhere" },
    });
    const letters = await waitFor(async () => {
      const found = await lettersOf(eventId);
      return found.length >= 4 && found;
    });
    expect(letters.map(({ service }) => service).sort()).toEqual([
      "audit",
      "inventory",
      "notifications",
      "orders",
    ]);
    for (const letter of letters)
      expect(letter).toMatchObject({
        kind: "event",
        channel: "hub.payments",
        type: "PaymentProcessed",
        key: "foreign",
        reason: "VALIDATION_ERROR",
        attempts: 1,
        headers: expect.objectContaining({ "x-from": "elsewhere" }),
        payload: event,
        status: "open",
      });
    expect((await placed(user.client)).status).toBe("ACTIVE");
  });

  test.each<[string, string, object, string]>([
    ["an unknown command", "payments.charge", { commandType: "payments.steal", data: {} }, "UNKNOWN_COMMAND"],
    [
      "a command without its data",
      "payments.refund",
      { commandType: "payments.refund", data: {} },
      "VALIDATION_ERROR",
    ],
  ])("that is %s is put aside", async (_what, channel, own, reason) => {
    const commandId = randomUUID();
    await hub.broker.sendCommand(channel, { commandId, ...own, ...envelope("foreign") }, { key: "foreign" });
    const [letter] = await waitFor(async () => {
      const found = await lettersOf(commandId);
      return found.length > 0 && found;
    });
    expect(letter).toMatchObject({ kind: "command", channel, reason, service: channel.split(".")[0] });
  });

  test("of a type that nobody knows, or with fields that nobody knows, is kept and ignored", async () => {
    const [unknown, newer] = [randomUUID(), randomUUID()];
    const order = await placed(user.client);
    await hub.broker.publishEvent(
      "hub.payments",
      {
        eventId: unknown,
        eventType: "PaymentDreamt",
        data: { deep: { down: true } },
        ...envelope("foreign"),
      },
      { key: "foreign" },
    );
    await hub.broker.publishEvent(
      "hub.plans",
      {
        eventId: newer,
        eventType: "PlanChanged",
        ...envelope("foreign"),
        version: "1.7",
        shiny: true,
        data: {
          planId: "basic",
          name: "Basic",
          price: { amount: 1, currency: "EUR", net: 1 },
          interval: "month",
          seats: null,
          colour: "red",
        },
      },
      { key: "foreign" },
    );
    const kept = await waitFor(async () => {
      const found = await hub.admin.all<EventView>("/api/admin/audit?key=foreign");
      return [unknown, newer].every((id) => found.some((event) => event.id === id)) && found;
    });
    expect(kept.find(({ id }) => id === newer)).toMatchObject({ shiny: true, data: { colour: "red" } });
    expect([...(await lettersOf(unknown)), ...(await lettersOf(newer))]).toEqual([]);
    expect((await user.client.get(`/api/orders/${order.id}`)).body).toEqual(order);
  });
});

test("the stats add up", async () => {
  const { body: before } = await hub.admin.get<Stats>("/api/admin/stats");
  await placed(user.client);
  await placed(user.client, { ...VISA, paymentMethod: "pm_card_chargeDeclined" });
  const { body: now } = await hub.admin.get<Stats>("/api/admin/stats");
  expect(Number(now.orders.ACTIVE)).toBe(Number(before.orders.ACTIVE) + 1);
  expect(Number(now.orders.PAYMENT_FAILED)).toBe(Number(before.orders.PAYMENT_FAILED ?? 0) + 1);
  const euros = (stats: Stats) => stats.revenue.find(({ currency }) => currency === "EUR")?.amount ?? 0;
  expect(euros(now)).toBe(euros(before) + 900);
  expect(now).toMatchObject({
    outbox: { pending: expect.any(Number), oldestSeconds: expect.any(Number) },
    deadLetters: expect.any(Number),
    stuck: 0,
  });
  expect(Object.keys(now.lag)).toEqual(expect.arrayContaining(["orders", "payments", "inventory", "audit"]));
});
