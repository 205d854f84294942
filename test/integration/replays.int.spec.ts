import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { UPCASTERS, type Upcaster } from "../../contracts/upcasters";
import type { Dashboard } from "../../domain/projections/dashboard";
import type { PlanVersion } from "../../domain/projections/catalogue";
import type { Entry } from "../../services/audit/event-log";
import type { ModelState } from "../../services/audit/read-models";
import type { ReplayView } from "../../services/audit/replays";
import type { EventView, Page, Stats } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { isOver, newPlan, orderWhen, place, placed, VISA } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";

let hub: TestHub;
let user: Person;

beforeAll(async () => {
  hub = await startHub();
  user = await signUp(hub.guest);
});
afterAll(() => hub?.stop());

/** The collections themselves: what a bug or a hand might have spoilt. */
const collection = <D extends { _id: string }>(name: string) => hub.broker.hub.database.adapter<D>({ name });
const models = () => collection<{ _id: string; key: string; model: string }>("read_models");
const states = () => collection<ModelState>("projections");
const events = () => collection<Entry>("audit");

/** The dashboard, once nothing is under way and it says of the orders what they say themselves. */
const numbers = (): Promise<Dashboard> =>
  waitFor(async () => {
    const { body } = await hub.admin.get<Stats & { dashboard: Dashboard }>("/api/admin/stats");
    const { PENDING, PAID } = body.orders;
    return !PENDING && !PAID && isDeepStrictEqual(body.dashboard.orders, body.orders) && body.dashboard;
  });

const begin = (body: object) => hub.admin.post<ReplayView>("/api/admin/replays", body);

const ended = (id: string): Promise<ReplayView> =>
  waitFor(async () => {
    const { body } = await hub.admin.get<ReplayView>(`/api/admin/replays/${id}`);
    return body.status !== "running" && body;
  });

/** A replay that has come to its end. */
async function replayed(body: object): Promise<ReplayView> {
  const { status, body: begun } = await begin(body);
  if (status !== 202) throw new Error(`POST /api/admin/replays: ${status} ${JSON.stringify(begun)}`);
  return ended(begun.id);
}

/** The document that the live dashboard has of an order. */
async function documentOf(orderId: string) {
  const generation = (await states().findById("dashboard"))?.generation ?? 1;
  return models().findById(`dashboard/${generation}:${orderId}`);
}

/** An order that the dashboard knows to be ACTIVE, and of which everything is told. */
async function counted() {
  const order = await placed(user.client);
  await waitFor(async () => {
    const doc = (await documentOf(order.id)) as { facts?: object } | null;
    const told = await events().count({ query: { orderId: order.id, eventType: "NotificationSent" } });
    return doc?.facts && "ACTIVE" in doc.facts && told === 2;
  });
  return order;
}

describe("the dashboard", () => {
  test("counts orders, money, failures and conversion out of the events alone", async () => {
    const planId = await newPlan(hub.admin, { price: { amount: 1234, currency: "CHF" } });
    const { conversion, orders } = await numbers();
    await placed(user.client, { ...VISA, planId, quantity: 3 });
    await placed(user.client, { planId, paymentMethod: "pm_card_chargeDeclined" });
    const now = await numbers();
    expect(now.conversion.placed).toBe(conversion.placed + 2);
    expect(now.orders.ACTIVE).toBe((orders.ACTIVE ?? 0) + 1);
    expect(now.revenue).toContainEqual({ currency: "CHF", amount: 3702 });
    expect(now.plans).toContainEqual({ planId, quantity: 3, currency: "CHF", amount: 3702 });
    expect(now.days.reduce((sum, { placed: n }) => sum + n, 0)).toBe(now.conversion.placed);
    expect(now.failures).toContainEqual({ status: "PAYMENT_FAILED", reason: "card_declined", orders: 1 });
    expect(now.conversion.active).toBe(conversion.active + 1);
  });

  test("does not count an event that comes twice", async () => {
    const { id } = await counted();
    const before = await numbers();
    const told = await hub.admin.all<EventView>(`/api/admin/audit?key=${id}`);
    for (const event of told.reverse())
      if (event.source === "orders") await hub.broker.publishEvent("hub.orders", event, { key: id });
    await counted();
    expect(await numbers()).toMatchObject({
      orders: { ...before.orders, ACTIVE: (before.orders.ACTIVE ?? 0) + 1 },
    });
  });
});

test("the catalogue knows what a plan cost, and since when", async () => {
  const planId = await newPlan(hub.admin, { price: { amount: 100, currency: "EUR" } });
  await hub.admin.patch(`/api/admin/plans/${planId}`, { price: { amount: 200, currency: "EUR" } });
  const history = () =>
    hub.admin.get<{ planId: string; versions: PlanVersion[] }>(`/api/admin/plans/${planId}/history`);
  const { versions } = await waitFor(async () => {
    const { status, body } = await history();
    return status === 200 && body.versions.length === 2 && body;
  });
  expect(versions.map(({ price }) => price.amount)).toEqual([100, 200]);
  expect((await replayed({ projection: "catalogue" })).differences).toBe(0);
  expect((await history()).body.versions).toEqual(versions);
  expect((await hub.admin.get("/api/admin/plans/nope/history")).status).toBe(404);
});

describe("a replay", () => {
  test("of a read model that is right finds no difference, and sends nothing", async () => {
    await counted();
    const before = await numbers();
    const stored = await events().count({ query: { eventType: { $ne: "UserLoggedIn" } } });
    const replay = await replayed({ projection: "dashboard" });
    expect(replay).toMatchObject({ status: "done", progress: 1, differences: 0, diff: [] });
    expect(replay.events).toBeGreaterThan(2);
    expect(await numbers()).toEqual(before);
    expect(await events().count({ query: { eventType: { $ne: "UserLoggedIn" } } })).toBe(stored);
    expect((await states().findById("dashboard"))?.leaseBy).toBeUndefined();
  });

  test("puts right what was spoilt, and says what it was", async () => {
    const [wrong, lost] = [await counted(), await counted()];
    const before = await numbers();
    const invented = `invented-${randomUUID()}`;
    const doc = (id: string) => documentOf(id).then((found) => String(found?._id));
    await models().updateById(await doc(wrong.id), {
      $set: { "facts.ACTIVE.at": "2020-01-01T00:00:00.000Z" },
    });
    const copy = await documentOf(lost.id);
    await models().removeById(await doc(lost.id));
    if (copy) await models().insert({ ...copy, _id: `${copy.model}:${invented}`, key: invented });

    const replay = await replayed({ projection: "dashboard" });
    expect(replay).toMatchObject({ status: "done", differences: 3 });
    const by = new Map(replay.diff?.map((difference) => [difference.key, difference]));
    expect(by.get(wrong.id)).toMatchObject({
      live: { ACTIVE: { at: "2020-01-01T00:00:00.000Z" } },
      rebuilt: { ACTIVE: { at: expect.not.stringContaining("2020") } },
    });
    expect(by.get(lost.id)).toMatchObject({ live: null, rebuilt: { PENDING: {} } });
    expect(by.get(invented)).toMatchObject({ live: { PENDING: {} }, rebuilt: null });
    expect((await numbers()).orders).toEqual(before.orders);
    expect((await replayed({ projection: "dashboard" })).differences).toBe(0);
  });

  test("from a moment on takes over what is older, and builds the rest", async () => {
    const old = await counted();
    const from = new Date().toISOString();
    const young = await counted();
    for (const { id } of [old, young]) {
      const found = await documentOf(id);
      await models().updateById(String(found?._id), { $set: { "facts.ACTIVE.mark": "spoilt" } });
    }
    const replay = await replayed({ projection: "dashboard", from });
    expect(replay).toMatchObject({ status: "done", from, differences: 1 });
    expect(replay.diff?.[0]?.key).toBe(young.id);
    expect(await documentOf(old.id)).toMatchObject({ facts: { ACTIVE: { mark: "spoilt" } } });
    expect(await replayed({ projection: "dashboard" })).toMatchObject({ differences: 1 });
  });

  test("from a moment on does not forget what happened before and came in later", async () => {
    const orderId = `late-${randomUUID()}`;
    const [any] = await events().find({ query: { eventType: "OrderPlaced" }, limit: 1 });
    const { _id, position: _p, ...event } = { ...(any as Entry), eventId: randomUUID(), key: orderId };
    const late = { ...event, data: { ...((any as Entry).data as object), orderId }, orderId: undefined };
    await hub.broker.publishEvent("hub.orders", late, { key: orderId });
    const replay = await replayed({ projection: "dashboard", from: new Date().toISOString() });
    expect(replay).toMatchObject({ status: "done", differences: 0 });
    await waitFor(() => documentOf(orderId));
    expect((await replayed({ projection: "dashboard" })).differences).toBe(0);
    await events().removeById(late.eventId);
    expect((await replayed({ projection: "dashboard" })).diff).toMatchObject([
      { key: orderId, rebuilt: null },
    ]);
  });

  test("misses nothing that happens meanwhile", async () => {
    const { conversion } = await numbers();
    const orders = Array.from({ length: 60 }, async () => (await place(user.client)).id);
    const replays = [];
    for (let i = 0; i < 4; i++) replays.push(await replayed({ projection: "dashboard" }));
    for (const id of await Promise.all(orders)) await orderWhen(user.client, id, isOver);
    expect((await numbers()).conversion.placed).toBe(conversion.placed + 60);
    expect(replays.map(({ status, differences }) => ({ status, differences }))).toEqual(
      replays.map(() => ({ status: "done", differences: 0 })),
    );
    expect((await replayed({ projection: "dashboard" })).differences).toBe(0);
  });

  test("reads events of an older version as today's", async () => {
    const planId = `old-${randomUUID()}`;
    const [any] = await events().find({ query: { eventType: "PlanPublished" }, limit: 1 });
    const old = { id: planId, title: "Old", cents: 500, currency: "EUR", interval: "month", seats: null };
    const eventId = randomUUID();
    await events().insert({
      ...(any as Entry),
      _id: eventId,
      eventId,
      key: planId,
      version: "0.9",
      data: old,
    });
    const upcasters = UPCASTERS as Record<string, Upcaster>;
    upcasters["PlanPublished@0"] = (event) => {
      const { id, title: name, cents: amount, currency, interval, seats } = event.data as typeof old;
      return {
        ...event,
        version: "1.0",
        data: { planId: id, name, price: { amount, currency }, interval, seats },
      };
    };
    try {
      expect(await replayed({ projection: "catalogue" })).toMatchObject({ status: "done", differences: 1 });
    } finally {
      delete upcasters["PlanPublished@0"];
      await events().removeById(eventId);
    }
    const { body } = await hub.admin.get<{ versions: PlanVersion[] }>(`/api/admin/plans/${planId}/history`);
    expect(body.versions).toMatchObject([{ name: "Old", price: { amount: 500, currency: "EUR" } }]);
  });

  test("that fails says why, and leaves the live one as it was", async () => {
    const order = await counted();
    const before = await numbers();
    const state = await states().findById("dashboard");
    const [entry] = await events().find({ query: { orderId: order.id, eventType: "OrderPlaced" } });
    const broken = { ...(entry as Entry), _id: randomUUID(), data: null };
    await events().insert(broken);
    try {
      const replay = await replayed({ projection: "dashboard" });
      expect(replay).toMatchObject({ status: "failed", diff: null });
      expect(replay.error).toContain(String(entry?.eventId));
    } finally {
      await events().removeById(broken._id);
    }
    expect(await numbers()).toEqual(before);
    expect((await states().findById("dashboard"))?.generation).toBe(state?.generation);
    expect(await replayed({ projection: "dashboard" })).toMatchObject({ status: "done", differences: 0 });
  });

  test("runs once at a time; one whose node died holds nobody up", async () => {
    const id = randomUUID();
    await states().updateById("catalogue", { $set: { leaseBy: id, leaseUntil: Date.now() + 60_000 } });
    expect(await begin({ projection: "catalogue" })).toMatchObject({
      status: 409,
      body: { code: "REPLAY_RUNNING" },
    });
    expect((await replayed({ projection: "dashboard" })).status).toBe("done");
    const dead = {
      _id: id,
      projection: "catalogue",
      status: "running",
      generation: 99,
      upTo: 0,
      progress: 0,
    };
    await collection("replays").insert({ ...dead, startedAt: new Date().toISOString() } as { _id: string });
    await states().updateById("catalogue", { $set: { leaseUntil: Date.now() - 1 } });
    expect(await ended(id)).toMatchObject({ status: "failed", error: expect.stringContaining("node") });
    await waitFor(async () => !(await states().findById("catalogue"))?.leaseBy);
    expect(await states().findById("catalogue")).not.toHaveProperty("unbuilt");
    expect((await replayed({ projection: "catalogue" })).status).toBe("done");
  });

  test("that builds a new read model is begun again when its node died", async () => {
    const id = randomUUID();
    const dead = { _id: id, projection: "catalogue", status: "running", generation: 98, startedAt: "2020" };
    await collection("replays").insert({ ...dead } as { _id: string });
    await states().updateById("catalogue", { $set: { leaseBy: id, leaseUntil: 0, unbuilt: true } });
    await ended(id);
    await waitFor(async () => !(await states().findById("catalogue"))?.unbuilt);
    await collection("replays").removeById(id);
  });

  test("old generations are removed", async () => {
    await waitFor(async () => (await states().findById("dashboard"))?.old.length === 0);
    const { generation } = (await states().findById("dashboard")) as ModelState;
    const all = await models().find({ query: { model: { $ne: `dashboard/${generation}` } } });
    expect(all.filter(({ model }) => model.startsWith("dashboard"))).toEqual([]);
  });

  test("is listed, newest first, with what can be replayed", async () => {
    const { id } = await replayed({ projection: "catalogue" });
    const { status, body } = await hub.admin.get<Page<ReplayView> & { projections: string[] }>(
      "/api/admin/replays?limit=2",
    );
    expect(status).toBe(200);
    expect(body.projections.sort()).toEqual(["catalogue", "dashboard"]);
    expect(body.items[0]).toMatchObject({ id, projection: "catalogue", status: "done", progress: 1 });
    expect(body.next).toEqual(expect.any(String));
  });

  test.each<[string, object, number, string]>([
    ["an unknown projection", { projection: "dreams" }, 400, "VALIDATION_ERROR"],
    ["no projection", {}, 400, "VALIDATION_ERROR"],
    ["a time that is none", { projection: "dashboard", from: "yesterday" }, 400, "VALIDATION_ERROR"],
    ["a time to come", { projection: "dashboard", from: "2999-01-01T00:00:00Z" }, 400, "VALIDATION_ERROR"],
    ["fields that it does not have", { projection: "dashboard", to: "x" }, 400, "VALIDATION_ERROR"],
  ])("is refused for %s", async (_what, body, status, code) => {
    expect(await begin(body)).toMatchObject({ status, body: { code } });
  });

  test("is for administrators, and there is none under another id", async () => {
    expect((await user.client.post("/api/admin/replays", { projection: "dashboard" })).status).toBe(403);
    expect((await hub.admin.get("/api/admin/replays/nope")).status).toBe(404);
  });

  test("is made by itself where events are older than the read model", async () => {
    await counted();
    const before = await numbers();
    await states().clear();
    await models().clear();
    await hub.restart();
    user = { ...user, client: hub.guest.as(user.client.token) };
    await waitFor(async () => {
      const { items } = (await hub.admin.get<Page<ReplayView>>("/api/admin/replays")).body;
      return items.slice(0, 2).every(({ status }) => status === "done") && items.length > 1;
    });
    expect(await numbers()).toEqual(before);
  }, 60_000);
});
