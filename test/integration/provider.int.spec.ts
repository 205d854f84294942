import type { DeadLetterView, PaymentView, Reconciliation, Stats } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { isOver, orderIs, orderWhen, place } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";
import { waitLonger } from "../support/clock";

let hub: TestHub;
let user: Person;

beforeAll(async () => {
  hub = await startHub();
  user = await signUp(hub.guest);
});
afterEach(async () => {
  await simulate("normal");
  const { body } = await hub.admin.get<Reconciliation>("/api/admin/payments/reconciliation");
  expect(body.mismatches).toEqual([]);
});
afterAll(() => hub?.stop());

async function simulate(mode: string): Promise<void> {
  const { status, body } = await hub.admin.put<{ mode: string }>("/api/admin/simulator", { mode });
  expect([status, body.mode]).toEqual([200, mode]);
}

const lettersOf = async (key: string): Promise<DeadLetterView[]> =>
  (await hub.admin.all<DeadLetterView>("/api/admin/dead-letters")).filter((letter) => letter.key === key);

const letterOf = (key: string): Promise<DeadLetterView> => waitFor(async () => (await lettersOf(key))[0]);

const paymentOf = async (id: string): Promise<PaymentView | undefined> =>
  (await hub.admin.all<PaymentView>(`/api/admin/payments?orderId=${id}`))[0];

const stats = async (): Promise<Stats> => (await hub.admin.get<Stats>("/api/admin/stats")).body;

const isStuck = async (id: string): Promise<boolean> =>
  (await hub.admin.all<{ id: string }>("/api/admin/stuck-orders")).some((order) => order.id === id);

test("an order waits for a provider that is away, and is then paid once", async () => {
  await simulate("outage");
  const { id } = await place(user.client);
  await waitFor(async () => ((await paymentOf(id))?.attempts ?? 0) >= 1);
  expect((await user.client.get<{ status: string }>(`/api/orders/${id}`)).body.status).toBe("PENDING");
  expect(await lettersOf(id)).toEqual([]);
  await simulate("normal");
  await orderIs(user.client, id, "ACTIVE");
  expect((await paymentOf(id))?.status).toBe("succeeded");
});

test("a cancel during an outage ends without a charge when the provider is back", async () => {
  await simulate("outage");
  const { id } = await place(user.client);
  await waitFor(async () => ((await paymentOf(id))?.attempts ?? 0) >= 1);
  expect((await user.client.post(`/api/orders/${id}/cancel`)).status).toBe(202);
  await simulate("normal");
  expect(await orderWhen(user.client, id, isOver)).toMatchObject({ status: "CANCELLED", refund: "none" });
  expect((await paymentOf(id))?.status).toBe("failed");
});

describe("a charge that the provider refuses for good", () => {
  async function brokenOrder(): Promise<{ id: string; letter: DeadLetterView }> {
    await simulate("broken");
    const { id } = await place(user.client);
    return { id, letter: await letterOf(id) };
  }

  test("is put aside with all that an operator needs", async () => {
    const before = await stats();
    const { id, letter } = await brokenOrder();
    expect(letter).toMatchObject({
      kind: "command",
      channel: "payments.charge",
      type: "payments.charge",
      key: id,
      service: "payments",
      reason: "PROVIDER_BROKEN",
      attempts: 1,
      status: "open",
      error: { name: expect.any(String), message: expect.any(String), stack: expect.stringContaining("at ") },
      headers: expect.any(Object),
      payload: { commandType: "payments.charge", data: { orderId: id } },
    });
    expect(letter.messageId).toBe((letter.payload as { commandId: string }).commandId);
    expect(letter.correlationId).toBe((letter.payload as { correlationId: string }).correlationId);
    expect(Date.parse(letter.failedAt)).toBeGreaterThan(0);
    expect((await stats()).deadLetters).toBe(before.deadLetters + 1);
    const open = await hub.admin.all<DeadLetterView>("/api/admin/dead-letters?status=open");
    expect(open.map((l) => l.id)).toContain(letter.id);
    await hub.admin.post(`/api/admin/dead-letters/${letter.id}/discard`);
  });

  test("is paid when it is redriven after the repair", async () => {
    const { id, letter } = await brokenOrder();
    await simulate("normal");
    const redriven = await hub.admin.post<DeadLetterView>(`/api/admin/dead-letters/${letter.id}/redrive`);
    expect([redriven.status, redriven.body.status]).toEqual([202, "redriven"]);
    await orderIs(user.client, id, "ACTIVE");
    expect(await lettersOf(id)).toMatchObject([{ id: letter.id, status: "redriven" }]);
    const again = await hub.admin.post(`/api/admin/dead-letters/${letter.id}/redrive`);
    expect([again.status, again.body.code]).toEqual([409, "DEAD_LETTER_CLOSED"]);
  });

  test("comes back as the same letter when it is redriven before the repair", async () => {
    const { id, letter } = await brokenOrder();
    await hub.admin.post(`/api/admin/dead-letters/${letter.id}/redrive`);
    const again = await waitFor(async () => {
      const [now] = await lettersOf(id);
      return now?.status === "open" && now.failedAt > letter.failedAt && now;
    });
    expect(again.id).toBe(letter.id);
    await hub.admin.post(`/api/admin/dead-letters/${letter.id}/discard`);
  });

  test("that is discarded leaves the order PENDING and stuck, until it is cancelled", async () => {
    const { id, letter } = await brokenOrder();
    const discarded = await hub.admin.post<DeadLetterView>(`/api/admin/dead-letters/${letter.id}/discard`);
    expect([discarded.status, discarded.body.status]).toEqual([202, "discarded"]);
    await simulate("normal");
    await waitLonger(hub.broker, id);
    await waitFor(() => isStuck(id));
    // The saga has asked itself whether to ask again, and let it be.
    await waitFor(async () => (await stats()).outbox.pending === 0);
    expect((await user.client.get<{ status: string }>(`/api/orders/${id}`)).body.status).toBe("PENDING");

    expect((await user.client.post(`/api/orders/${id}/cancel`)).status).toBe(202);
    expect(await orderWhen(user.client, id, isOver)).toMatchObject({ status: "CANCELLED", refund: "none" });
    expect(await isStuck(id)).toBe(false);
  });
});

test("an order whose charge got lost on the way is asked for again, and charged once", async () => {
  await simulate("outage");
  const { id } = await place(user.client);
  await simulate("normal");
  await waitLonger(hub.broker, id);
  await orderIs(user.client, id, "ACTIVE");
  expect((await paymentOf(id))?.status).toBe("succeeded");
});

test("a dead letter that nobody has is a 404", async () => {
  for (const action of ["redrive", "discard"])
    expect((await hub.admin.post(`/api/admin/dead-letters/none/${action}`)).status).toBe(404);
});

test.each([{}, { mode: "off" }, { mode: "normal", latencyMs: -1 }, { mode: "normal", latencyMs: 1e9 }])(
  "the simulator takes no %j",
  async (body) => {
    expect((await hub.admin.put("/api/admin/simulator", body)).status).toBe(400);
  },
);

test("the simulator's latency makes a charge slow, not twice", async () => {
  await hub.admin.put("/api/admin/simulator", { mode: "normal", latencyMs: 300 });
  const { id } = await place(user.client);
  await orderIs(user.client, id, "ACTIVE");
  expect(await paymentOf(id)).toMatchObject({ status: "succeeded", attempts: 1 });
  const { body } = await hub.admin.get("/api/admin/simulator");
  expect(body).toEqual({ mode: "normal", latencyMs: 300 });
});
