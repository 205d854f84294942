import type { EventView, Problem } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { newPlan, place } from "../support/orders";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

interface PlanView {
  id: string;
  seats: number | null;
  available?: number | null;
}

let hub: TestHub;

beforeAll(async () => {
  hub = await startHub();
}, 60_000);
afterAll(() => hub?.stop(), 30_000);

const planOf = async (id: string): Promise<PlanView | undefined> =>
  (await hub.guest.all<PlanView>("/api/plans")).find((plan) => plan.id === id);

test("the catalogue tells how many seats are free", async () => {
  const planId = await newPlan(hub.admin, { seats: 3 });
  await waitFor(async () => (await planOf(planId))?.available === 3);
  const { client } = await signUp(hub.guest);
  await place(client, { planId, quantity: 2, paymentMethod: "pm_card_visa" });
  await waitFor(async () => (await planOf(planId))?.available === 1);
  expect(await planOf(planId)).toMatchObject({ seats: 3, available: 1 });
});

test("given a plan, when it is asked for by its id, then it is as in the list", async () => {
  const planId = await newPlan(hub.admin, { seats: 3 });
  const listed = await waitFor(async () => {
    const plan = await planOf(planId);
    return plan?.available === 3 && plan;
  });
  expect((await hub.guest.get<PlanView>(`/api/plans/${planId}`)).body).toEqual(listed);
});

test("given a new plan, and then fewer seats, when the catalogue is read at once, then what is free is of today", async () => {
  const free = async () => (await planOf(planId))?.available;
  await planOf("basic");
  const planId = await newPlan(hub.admin, { seats: 3 });
  expect(await free()).toBe(3);
  expect((await hub.admin.call("PATCH", `/api/admin/plans/${planId}`, { seats: 2 })).status).toBe(200);
  expect(await free()).toBe(2);
});

test("given a name of blanks alone, then no plan and no user gets it", async () => {
  const name = "   ";
  const plan = { id: "blank", name, price: { amount: 1, currency: "EUR" }, interval: "month", seats: null };
  const person = { email: "blank@example.com", password: "correct-horse", name };
  for (const answer of [
    await hub.admin.post<Problem>("/api/admin/plans", plan),
    await hub.guest.post<Problem>("/api/auth/register", person),
  ]) {
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toEqual([{ pointer: "/name", detail: expect.stringContaining("blanks") }]);
  }
});

test("a plan without a limit has none on what is free", async () => {
  expect(await waitFor(async () => (await planOf("basic"))?.available === null)).toBe(true);
});

test("the catalogue is there when inventory cannot be asked", async () => {
  const planId = await newPlan(hub.admin, { seats: 3 });
  const { call } = hub.broker;
  const away = jest
    .spyOn(hub.broker, "call")
    .mockImplementation(((action: string, ...rest: [object, object]) =>
      action === "inventory.availability"
        ? Promise.reject(new Error("away"))
        : call.call(hub.broker, action, ...rest)) as typeof call);
  try {
    const plan = await waitFor(async () => {
      const now = await planOf(planId);
      return now && !("available" in now) && now;
    });
    expect(plan).toMatchObject({ id: planId, seats: 3 });
  } finally {
    away.mockRestore();
  }
});

test("given a change that was cut off after inventory had made it, when time passes, then the plan has it too", async () => {
  const planId = await newPlan(hub.admin, { seats: 3 });
  await hub.broker.call("inventory.resize", { planId, seats: 5 });
  await waitFor(async () => (await planOf(planId))?.seats === 5);
  const [newest] = await waitFor(async () => {
    const events = await hub.admin.all<EventView>(`/api/admin/audit?key=${planId}&type=PlanChanged`);
    return events.length > 0 && events;
  });
  expect(newest).toMatchObject({ source: "plans", data: { seats: 5 } });
});
