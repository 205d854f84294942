import type { Client, EventView, NotificationView, OrderView, Page, UserView } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { newPlan, place, VISA } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";

const ORDERS = 25;
let hub: TestHub;
let user: Person;

beforeAll(async () => {
  hub = await startHub();
  user = await signUp(hub.guest);
  // At once, so that many have the same millisecond.
  await Promise.all(Array.from({ length: ORDERS }, () => place(user.client)));
  await waitFor(async () => (await user.client.all("/api/notifications")).length === 2 * ORDERS, {
    timeout: 15_000,
  });
});
afterAll(() => hub?.stop());

/** A list in pages of `limit`, each of which must be full but the last. */
async function pages<T extends { id: string }>(client: Client, path: string, limit: number): Promise<T[][]> {
  const found: T[][] = [];
  let next: string | null = "";
  while (next !== null) {
    const after: string = next && `&after=${encodeURIComponent(next)}`;
    const { status, body } = await client.get<Page<T>>(`${path}limit=${limit}${after}`);
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(["items", "next"]);
    found.push(body.items);
    next = body.next;
    if (next !== null) expect(body.items).toHaveLength(limit);
  }
  return found;
}

const ids = (items: { id: string }[]) => items.map(({ id }) => id);

test.each<[string, string, (hub: TestHub) => Client]>([
  ["orders", "/api/orders?", () => user.client],
  ["all orders", "/api/admin/orders?", (h) => h.admin],
  ["a user's orders", "/api/admin/orders?status=ACTIVE&", (h) => h.admin],
  ["payments", "/api/admin/payments?", (h) => h.admin],
])("%s come newest first, each once, over many pages", async (_what, path, who) => {
  const [all = []] = await pages<OrderView>(who(hub), path, 200);
  const many = await pages<OrderView>(who(hub), path, 7);
  expect(all).toHaveLength(ORDERS);
  expect(many).toHaveLength(4);
  expect(ids(many.flat())).toEqual(ids(all));
  const times = all.map(({ createdAt }) => createdAt);
  expect(times).toEqual([...times].sort().reverse());
});

test("pages hold still while new orders come in", async () => {
  const first = await user.client.get<Page<OrderView>>("/api/orders?limit=10");
  const before = await user.client.all<OrderView>("/api/orders");
  await place(user.client, { ...VISA, paymentMethod: "pm_card_chargeDeclined" });
  await waitFor(async () => (await user.client.all("/api/notifications")).length === 2 * ORDERS + 1);
  const after = encodeURIComponent(String(first.body.next));
  const second = await user.client.get<Page<OrderView>>(`/api/orders?limit=10&after=${after}`);
  expect(ids([...first.body.items, ...second.body.items])).toEqual(ids(before.slice(0, 20)));
});

test("notifications come oldest first, `after` the last one seen", async () => {
  const all = await user.client.all<NotificationView>("/api/notifications");
  const many = await pages<NotificationView>(user.client, "/api/notifications?", 9);
  expect(ids(many.flat())).toEqual(ids(all));
  const times = all.map(({ createdAt }) => createdAt);
  expect(times).toEqual([...times].sort());
  const seen = all[3]?.id;
  const { body } = await user.client.get<Page<NotificationView>>(`/api/notifications?limit=2&after=${seen}`);
  expect(ids(body.items)).toEqual(ids(all.slice(4, 6)));
  const end = await user.client.get<Page<NotificationView>>(`/api/notifications?after=${all.at(-1)?.id}`);
  expect(end.body).toEqual({ items: [], next: null });
});

test("one user's notification is no cursor of another's, nor theirs to read", async () => {
  const stranger = await signUp(hub.guest);
  const [first] = await user.client.all<NotificationView>("/api/notifications");
  const { status, body } = await stranger.client.get(`/api/notifications?after=${first?.id}`);
  expect([status, body.code]).toEqual([400, "BAD_CURSOR"]);
  expect((await stranger.client.post(`/api/notifications/${first?.id}/read`)).status).toBe(404);
});

test("a notification that is read stays read", async () => {
  const [first] = await user.client.all<NotificationView>("/api/notifications");
  expect(first?.read).toBe(false);
  for (let i = 0; i < 2; i++)
    expect((await user.client.post(`/api/notifications/${first?.id}/read`)).status).toBe(204);
  const [now] = await user.client.all<NotificationView>("/api/notifications");
  expect(now).toEqual({ ...first, read: true });
});

describe("the audit", () => {
  test("comes oldest first, each event once, and each aggregate's in their order", async () => {
    const all = await waitFor(async () => {
      const events = await hub.admin.all<EventView>("/api/admin/audit");
      return (
        events.filter(({ eventType }) => eventType === "NotificationSent").length >= 2 * ORDERS && events
      );
    });
    const many = (await pages<EventView>(hub.admin, "/api/admin/audit?", 60)).flat().slice(0, all.length);
    expect(ids(many)).toEqual(ids(all));
    expect(new Set(ids(all)).size).toBe(all.length);
    const last = new Map<string, number>();
    for (const { source, key, sequence } of all) {
      const lane = `${source} ${key}`;
      expect(sequence).toBeGreaterThan(last.get(lane) ?? 0);
      last.set(lane, sequence);
    }
  });

  test("filters by type, key and time, `from` inclusive and `to` not", async () => {
    const placed = await hub.admin.all<EventView>("/api/admin/audit?type=OrderPlaced");
    expect(placed.length).toBeGreaterThanOrEqual(ORDERS);
    expect(new Set(placed.map(({ eventType }) => eventType))).toEqual(new Set(["OrderPlaced"]));

    const key = String(placed[0]?.key);
    const ofKey = await hub.admin.all<EventView>(`/api/admin/audit?key=${key}`);
    expect(new Set(ofKey.map((event) => event.key))).toEqual(new Set([key]));

    const times = [...new Set(placed.map(({ timestamp }) => timestamp))].sort();
    const [from = "", to = ""] = [times[0], times.at(-1)];
    const window = `from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
    const found = await hub.admin.all<EventView>(`/api/admin/audit?type=OrderPlaced&${window}`);
    expect(ids(found)).toEqual(ids(placed.filter((e) => e.timestamp >= from && e.timestamp < to)));
    const atEnd = await hub.admin.all<EventView>(
      `/api/admin/audit?type=OrderPlaced&from=${encodeURIComponent(to)}`,
    );
    expect(atEnd.map(({ timestamp }) => timestamp)).toContain(to);
  });

  test("understands times of other zones", async () => {
    const [placed] = await hub.admin.all<EventView>("/api/admin/audit?type=OrderPlaced");
    const at = new Date(Date.parse(String(placed?.timestamp)) + 2 * 3_600_000);
    const from = encodeURIComponent(at.toISOString().replace("Z", "+02:00"));
    const found = await hub.admin.all<EventView>(`/api/admin/audit?type=OrderPlaced&from=${from}`);
    expect(ids(found)).toContain(placed?.id);
  });
});

test("users page newest first", async () => {
  for (let i = 0; i < 6; i++) await signUp(hub.guest);
  const [all = []] = await pages<UserView>(hub.admin, "/api/admin/users?", 200);
  const many = await pages<UserView>(hub.admin, "/api/admin/users?", 3);
  expect(many.length).toBeGreaterThan(2);
  expect(ids(many.flat())).toEqual(ids(all));
  expect(JSON.stringify(all)).not.toMatch(/password|hash|token/i);
});

test("plans and seats page too", async () => {
  for (let i = 0; i < 3; i++) await newPlan(hub.admin);
  const plans = await hub.guest.all<{ id: string }>("/api/plans");
  expect(ids(await hub.guest.all<{ id: string }>("/api/plans", 2))).toEqual(ids(plans));
  const stocks = await hub.admin.all<{ planId: string }>("/api/admin/inventory");
  expect(await hub.admin.all("/api/admin/inventory", 2)).toEqual(stocks);
  expect(stocks.map(({ planId }) => planId).sort()).toEqual(plans.map(({ id }) => id).sort());
});

test.each([
  "/api/orders",
  "/api/subscriptions",
  "/api/plans",
  ...["users", "orders", "payments", "inventory", "stuck-orders", "replays", "dead-letters", "redrives"].map(
    (name) => `/api/admin/${name}`,
  ),
])("given a cursor that is made up, or another list's, %s refuses it", async (path) => {
  const nextOf = async (list: string) =>
    (await hub.admin.get<Page<unknown>>(`${list}?limit=1`)).body.next ?? "none";
  const foreign = await nextOf(path === "/api/plans" ? "/api/admin/users" : "/api/plans");
  const madeUp = [[1, 2], ["plans", 1, 2], ["orders", {}, null], {}, "x"].map((parts) =>
    Buffer.from(JSON.stringify(parts)).toString("base64url"),
  );
  for (const cursor of [...madeUp, foreign]) {
    const { status, body } = await hub.admin.get(`${path}?after=${cursor}`);
    expect([status, body.code]).toEqual([400, "BAD_CURSOR"]);
  }
});
