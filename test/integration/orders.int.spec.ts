import { randomUUID } from "node:crypto";
import type { EventView, OrderView, Problem } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { newPlan, orderIs, place, placed, VISA } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";

let hub: TestHub;
let user: Person;

beforeAll(async () => {
  hub = await startHub();
  user = await signUp(hub.guest);
});
afterAll(() => hub?.stop());

const order = (body: unknown, headers?: Record<string, string>) =>
  user.client.post<OrderView & Omit<Problem, "status">>("/api/orders", body, headers);
const pm = "pm_card_visa";

describe("an order", () => {
  test("of one line is accepted with its price from the catalogue", async () => {
    const { status, body, headers } = await order({ planId: "basic", quantity: 3, paymentMethod: pm });
    expect(status).toBe(202);
    expect(body).toEqual({
      id: expect.any(String),
      status: "PENDING",
      items: [{ planId: "basic", quantity: 3, unitPrice: { amount: 900, currency: "EUR" } }],
      total: { amount: 2700, currency: "EUR" },
      createdAt: expect.any(String),
    });
    expect(headers.get("location")).toBe(`/api/orders/${body.id}`);
    const { body: active } = await user.client.get<OrderView>(String(headers.get("location")));
    expect(active).toMatchObject({ id: body.id, userId: user.id, total: body.total });
    expect(Number.isInteger(active.version)).toBe(true);
  });

  test("without a quantity is of one", async () => {
    expect((await order(VISA)).body.items).toMatchObject([{ planId: "basic", quantity: 1 }]);
  });

  test("that names a plan twice has one line of it", async () => {
    const items = [
      { planId: "pro", quantity: 1 },
      { planId: "basic", quantity: 1 },
      { planId: "pro", quantity: 2 },
    ];
    const { body } = await order({ items, paymentMethod: pm });
    expect(body.items.map(({ planId, quantity }) => [planId, quantity])).toEqual([
      ["pro", 3],
      ["basic", 1],
    ]);
    expect(body.total.amount).toBe(3 * 2900 + 900);
  });

  test("goes by the newest price", async () => {
    const planId = await newPlan(hub.admin);
    expect((await order({ planId, paymentMethod: pm })).body.total.amount).toBe(1000);
    await hub.admin.patch(`/api/admin/plans/${planId}`, { price: { amount: 1100, currency: "EUR" } });
    expect((await order({ planId, paymentMethod: pm })).body.total.amount).toBe(1100);
  });

  test("in several currencies is a 400", async () => {
    const dollars = await newPlan(hub.admin, { price: { amount: 500, currency: "USD" } });
    const items = [
      { planId: "basic", quantity: 1 },
      { planId: dollars, quantity: 1 },
    ];
    const { status, body } = await order({ items, paymentMethod: pm });
    expect([status, body.code]).toEqual([400, "VALIDATION_ERROR"]);
    expect(body.errors[0]?.pointer).toBe("/items");
  });

  test.each<[string, unknown, string]>([
    ["nothing", {}, "/items"],
    ["a list", [], ""],
    ["no lines", { items: [], paymentMethod: pm }, "/items"],
    [
      "too many lines",
      { items: Array(51).fill({ planId: "basic", quantity: 1 }), paymentMethod: pm },
      "/items",
    ],
    [
      "an unknown plan",
      {
        items: [
          { planId: "basic", quantity: 1 },
          { planId: "nope", quantity: 1 },
        ],
        paymentMethod: pm,
      },
      "/items/1/planId",
    ],
    [
      "an unknown plan after a plan on two lines",
      { items: ["basic", "basic", "nope"].map((planId) => ({ planId, quantity: 1 })), paymentMethod: pm },
      "/items/2/planId",
    ],
    ["an unknown plan in one line", { planId: "nope", paymentMethod: pm }, "/planId"],
    ["an unknown method", { planId: "basic", paymentMethod: "pm_card_gold" }, "/paymentMethod"],
    ["a method that objects have", { planId: "basic", paymentMethod: "constructor" }, "/paymentMethod"],
    ["a plan that objects have", { planId: "__proto__", paymentMethod: pm }, "/planId"],
    ["no method", { planId: "basic" }, "/paymentMethod"],
    ["quantity 0", { planId: "basic", quantity: 0, paymentMethod: pm }, "/quantity"],
    ["a negative quantity", { planId: "basic", quantity: -1, paymentMethod: pm }, "/quantity"],
    ["half a seat", { planId: "basic", quantity: 1.5, paymentMethod: pm }, "/quantity"],
    ["a huge quantity", { planId: "basic", quantity: 1e15, paymentMethod: pm }, "/quantity"],
    ["a quantity as text", { planId: "basic", quantity: "1", paymentMethod: pm }, "/quantity"],
    ["quantity null", { planId: "basic", quantity: null, paymentMethod: pm }, "/quantity"],
    ["an operator for a plan", { planId: { $ne: null }, paymentMethod: pm }, "/planId"],
    [
      "an operator in a line",
      { items: [{ planId: { $gt: "" }, quantity: { $gt: 0 } }], paymentMethod: pm },
      "/items/0/planId",
    ],
    ["an operator for a method", { planId: "basic", paymentMethod: { $in: [pm] } }, "/paymentMethod"],
    ["a price", { planId: "basic", paymentMethod: pm, price: 1 }, "/price"],
    [
      "a price in a line",
      {
        items: [{ planId: "basic", quantity: 1, unitPrice: { amount: 1, currency: "EUR" } }],
        paymentMethod: pm,
      },
      "/items/0/unitPrice",
    ],
    ["an owner", { planId: "basic", paymentMethod: pm, userId: "somebody" }, "/userId"],
    ["a status", { planId: "basic", paymentMethod: pm, status: "ACTIVE" }, "/status"],
    ["both forms", { ...VISA, items: [{ planId: "basic", quantity: 1 }] }, "/planId"],
  ])("with %s is a 400 that names the field", async (_what, body, pointer) => {
    const answer = await order(body);
    expect([answer.status, answer.body.code]).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.errors.map((e) => e.pointer)).toContain(pointer);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
  });

  test("of another user is a 404, in every call", async () => {
    const { id } = await place(user.client);
    const stranger = await signUp(hub.guest);
    for (const path of [`/api/orders/${id}`, `/api/orders/${id}/timeline`]) {
      const { status, body } = await stranger.client.get(path);
      expect([status, body.code]).toEqual([404, "NOT_FOUND"]);
    }
    expect((await stranger.client.post(`/api/orders/${id}/cancel`)).status).toBe(404);
    const seen = await stranger.client.all<OrderView>("/api/orders");
    expect(seen).toEqual([]);
  });
});

describe("an Idempotency-Key", () => {
  const key = () => ({ "idempotency-key": randomUUID() });

  test("that comes again later gets the first answer, whatever has become of the order", async () => {
    const headers = key();
    const first = await order(VISA, headers);
    await orderIs(user.client, first.body.id, "ACTIVE");
    const again = await order({ paymentMethod: VISA.paymentMethod, planId: VISA.planId }, headers);
    expect([again.status, again.body]).toEqual([202, first.body]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    expect(first.headers.get("idempotent-replayed")).toBeNull();
  });

  test("that comes many times at once makes one order", async () => {
    const headers = key();
    const answers = await Promise.all(Array.from({ length: 12 }, () => order(VISA, headers)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(answers.filter((a) => a.headers.get("idempotent-replayed") === "true")).toHaveLength(11);
  });

  test("with another body is a 422, also when they come at once", async () => {
    const headers = key();
    await order(VISA, headers);
    const { status, body } = await order({ ...VISA, quantity: 2 }, headers);
    expect([status, body.code]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);

    const both = key();
    const raced = await Promise.all([order(VISA, both), order({ ...VISA, quantity: 2 }, both)]);
    expect(raced.map((answer) => answer.status).sort()).toEqual([202, 422]);
  });

  test("of a rejected order gets the same refusal", async () => {
    const headers = key();
    const body = { planId: "business", quantity: 4, paymentMethod: pm };
    const first = await order(body, headers);
    const again = await order(body, headers);
    expect(first.status).toBe(422);
    expect([again.status, again.body]).toEqual([422, first.body]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
  });

  test("is the user's own", async () => {
    const headers = key();
    const other = await signUp(hub.guest);
    const mine = await order(VISA, headers);
    const theirs = await other.client.post<OrderView>("/api/orders", VISA, headers);
    expect(theirs.status).toBe(202);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  test("keeps nothing of a request that was refused", async () => {
    const headers = key();
    expect((await order({ ...VISA, quantity: 0 }, headers)).status).toBe(400);
    expect((await order(VISA, headers)).status).toBe(202);
  });

  test.each(["", "two words", "x".repeat(256), "schlüssel"])("of %j is a 400", async (value) => {
    const answer = await order(VISA, { "idempotency-key": value });
    expect([answer.status, answer.body.code]).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("X-Correlation-Id", () => {
  test("runs from the request through every event", async () => {
    const correlationId = `trace-${randomUUID()}`;
    const { body, headers } = await order(VISA, { "x-correlation-id": correlationId });
    expect(headers.get("x-correlation-id")).toBe(correlationId);
    await orderIs(user.client, body.id, "ACTIVE");
    const types = await waitFor(async () => {
      const events = await hub.admin.all<EventView>(`/api/admin/audit?correlationId=${correlationId}`);
      return events.filter(({ eventType }) => eventType === "NotificationSent").length === 2 && events;
    });
    expect(new Set(types.map(({ eventType }) => eventType))).toEqual(
      new Set([
        "OrderPlaced",
        "PaymentProcessed",
        "OrderUpdated",
        "InventoryReserved",
        "SubscriptionActivated",
        "NotificationSent",
      ]),
    );
    const timeline = await user.client.get<{ correlationId: string }>(`/api/orders/${body.id}/timeline`);
    expect(timeline.body.correlationId).toBe(correlationId);
  });

  test.each(["has blanks", "x".repeat(129), "<script>"])("%j is replaced by a new one", async (given) => {
    const { headers } = await user.client.get("/api/plans", { "x-correlation-id": given });
    const made = String(headers.get("x-correlation-id"));
    expect(made).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
    expect(made).not.toBe(given);
  });

  test("is there on every answer", async () => {
    const answers = await Promise.all([
      hub.guest.get("/api/orders"),
      hub.guest.get("/api/nothing"),
      user.client.post("/api/orders", {}),
      user.client.put("/api/orders", {}),
      user.client.send("POST", "/api/orders", "{", { "content-type": "application/json" }),
      hub.guest.get("/health/live"),
      hub.guest.get("/.well-known/jwks.json"),
    ]);
    for (const { headers } of answers) expect(headers.get("x-correlation-id")).toBeTruthy();
  });
});

test("subscriptions page by cursor, also within an order of many lines", async () => {
  const buyer = await signUp(hub.guest);
  const plans = await Promise.all([1, 2, 3].map(() => newPlan(hub.admin)));
  const items = plans.map((planId) => ({ planId, quantity: 1 }));
  for (let i = 0; i < 3; i++) await placed(buyer.client, { items, paymentMethod: pm });
  const all = await buyer.client.all<{ id: string }>("/api/subscriptions");
  const paged = await buyer.client.all<{ id: string }>("/api/subscriptions", 2);
  expect(all).toHaveLength(9);
  expect(paged).toEqual(all);
});
