import type { DeadLetterView, EventView, OrderView, PaymentView } from "../support/client";
import { waitLonger } from "../support/clock";
import { startHub, type TestHub } from "../support/hub";
import { orderIs, place, placed } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";

interface StuckOrder extends OrderView {
  owes: string;
  waitingSince: string;
  asked: number;
  deadLetter: { id: string; status: string; reason: string } | null;
}

let hub: TestHub;
let user: Person;

beforeAll(async () => {
  hub = await startHub();
  user = await signUp(hub.guest);
}, 60_000);
afterEach(() => hub.admin.put("/api/admin/simulator", { mode: "normal" }));
afterAll(() => hub?.stop(), 30_000);

const stuckOrders = (): Promise<StuckOrder[]> => hub.admin.all<StuckOrder>("/api/admin/stuck-orders");
const stuckOrder = (id: string): Promise<StuckOrder> =>
  waitFor(async () => (await stuckOrders()).find((order) => order.id === id));

const nudge = (id: string) => hub.admin.post<OrderView & { code: string }>(`/api/admin/orders/${id}/nudge`);

/** An order whose charge was put aside and given up: nobody asks for it any more. */
async function givenUp(): Promise<{ id: string; letter: DeadLetterView }> {
  await hub.admin.put("/api/admin/simulator", { mode: "broken" });
  const { id } = await place(user.client);
  const letter = await waitFor(
    async () => (await hub.admin.all<DeadLetterView>(`/api/admin/dead-letters?key=${id}`))[0],
  );
  await hub.admin.post(`/api/admin/dead-letters/${letter.id}/discard`);
  await hub.admin.put("/api/admin/simulator", { mode: "normal" });
  await waitLonger(hub.broker, id);
  return { id, letter };
}

test("an order that waits too long is listed, with who owes the step and the dead letter that is why", async () => {
  const { id, letter } = await givenUp();
  const stuck = await stuckOrder(id);
  expect(stuck).toMatchObject({
    status: "PENDING",
    owes: "payments",
    deadLetter: { id: letter.id, status: "discarded", reason: "PROVIDER_BROKEN" },
  });
  expect(Date.parse(stuck.waitingSince)).toBeLessThan(Date.now());
  const metrics = await (await fetch(`${hub.url}/metrics`)).text();
  expect(Number(/^hub_sagas_stuck (\d+)/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(1);
});

test("a cancelled order waits for its refund, not for the charge that was given up", async () => {
  const { id } = await givenUp();
  await hub.admin.put("/api/admin/simulator", { mode: "outage" });
  expect((await user.client.post(`/api/orders/${id}/cancel`)).status).toBe(202);
  await waitLonger(hub.broker, id);
  expect(await stuckOrder(id)).toMatchObject({ status: "CANCELLED", owes: "payments", deadLetter: null });
  expect((await nudge(id)).status).toBe(202);
  await hub.admin.put("/api/admin/simulator", { mode: "normal" });
  await waitFor(async () => (await user.client.get<OrderView>(`/api/orders/${id}`)).body.refund === "none");
});

test("a nudge asks for the step under the same id: the order goes on, is charged once, and who did it is kept", async () => {
  const { id } = await givenUp();
  const { status, body } = await nudge(id);
  expect([status, body.id]).toEqual([202, id]);
  await orderIs(user.client, id, "ACTIVE");

  const payments = await hub.admin.all<PaymentView>(`/api/admin/payments?orderId=${id}`);
  expect(payments).toMatchObject([{ status: "succeeded" }]);
  const { body: me } = await hub.admin.get<{ id: string }>("/api/auth/me");
  const [told] = await waitFor(async () => {
    const events = await hub.admin.all<EventView>(`/api/admin/audit?type=OrderNudged&key=${id}`);
    return events.length > 0 && events;
  });
  expect(told?.data).toEqual({ orderId: id, userId: user.id, by: me.id, owes: "payments" });
  expect((await stuckOrders()).map((order) => order.id)).not.toContain(id);
});

test("nudges on top of each other charge once", async () => {
  await hub.admin.put("/api/admin/simulator", { mode: "outage" });
  const { id } = await place(user.client);
  const answers = await Promise.all([nudge(id), nudge(id), nudge(id)]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  await hub.admin.put("/api/admin/simulator", { mode: "normal" });
  await orderIs(user.client, id, "ACTIVE");
  const { body } = await hub.admin.get<{ mismatches: unknown[] }>("/api/admin/payments/reconciliation");
  expect(body.mismatches).toEqual([]);
}, 30_000);

test("an order that is over can't be nudged, nor one that is not there, nor by a customer", async () => {
  const { id } = await placed(user.client);
  const { status, body } = await nudge(id);
  expect([status, body.code]).toEqual([409, "ORDER_OVER"]);
  expect((await nudge("none")).status).toBe(404);
  expect((await user.client.post(`/api/admin/orders/${id}/nudge`)).status).toBe(403);
});

test("the list pages, and refuses a cursor that it did not give", async () => {
  const ids = [(await givenUp()).id, (await givenUp()).id];
  const all = (await hub.admin.all<StuckOrder>("/api/admin/stuck-orders", 1)).map(({ id }) => id);
  expect(all).toEqual(expect.arrayContaining(ids));
  expect(new Set(all).size).toBe(all.length);
  const { status, body } = await hub.admin.get("/api/admin/stuck-orders?after=there");
  expect([status, body.code]).toEqual([400, "BAD_CURSOR"]);
}, 30_000);
