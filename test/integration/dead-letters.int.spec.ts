import { randomUUID } from "node:crypto";
import { newId } from "../../contracts/ids";
import type { DeadLetterView, EventView, Page, PaymentView } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { isOver, orderWhen, place } from "../support/orders";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

interface Entry {
  what: string;
  at: string;
  by?: string;
  reason?: string;
  attempts?: number;
  edits?: { pointer: string; before?: unknown; after?: unknown }[];
  redriveId?: string;
}
interface Letter extends DeadLetterView {
  failures: number;
  firstFailedAt: string;
  orderId?: string;
  history?: Entry[];
}
interface Redrive {
  id: string;
  status: "running" | "done" | "stopped";
  total: number;
  redriven: number;
  progress: number;
  by: string;
}
interface Charge {
  commandId: string;
  data: Record<string, unknown>;
}

const PATH = "/api/admin/dead-letters";
const PATIENCE = { timeout: 30_000 };

let hub: TestHub;
let adminId: string;

beforeAll(async () => {
  hub = await startHub();
  adminId = (await hub.admin.get<{ id: string }>("/api/auth/me")).body.id;
}, 60_000);
afterAll(() => hub?.stop(), 30_000);

/** A charge that breaks its contract; the letter that it becomes. */
async function brokenCharge(own: Partial<Charge["data"]> = {}): Promise<Letter> {
  const orderId = newId();
  const charge = {
    commandId: newId(),
    commandType: "payments.charge",
    timestamp: new Date().toISOString(),
    version: "1.0",
    source: "orders",
    correlationId: `test-${randomUUID()}`,
    causationId: newId(),
    key: orderId,
    sequence: 1,
    data: {
      orderId,
      userId: newId(),
      amount: "much",
      currency: "EUR",
      paymentMethod: "pm_card_visa",
      items: [{ planId: "basic", quantity: 1 }],
      ...own,
    },
  };
  await hub.broker.sendCommand("payments.charge", charge, { key: orderId, headers: { trace: "t-1" } });
  return letterWhere(`key=${orderId}`);
}

const letterWhere = (filter: string): Promise<Letter> =>
  waitFor(async () => (await hub.admin.get<Page<Letter>>(`${PATH}?${filter}`)).body.items[0], PATIENCE);

const letter = async (id: string): Promise<Letter> => (await hub.admin.get<Letter>(`${PATH}/${id}`)).body;

const letterWhen = (id: string, isSo: (now: Letter) => boolean): Promise<Letter> =>
  waitFor(async () => {
    const now = await letter(id);
    return isSo(now) && now;
  }, PATIENCE);

const repaired = ({ payload }: Letter, data: object = { amount: 900 }): Charge => {
  const charge = payload as Charge;
  return { ...charge, data: { ...charge.data, ...data } };
};

const eventsOf = async (type: string, id: string): Promise<EventView[]> =>
  (await hub.admin.all<EventView>(`/api/admin/audit?type=${type}`)).filter(
    ({ data }) => data.deadLetterId === id,
  );
const eventOf = (type: string, id: string): Promise<EventView> =>
  waitFor(async () => (await eventsOf(type, id))[0], PATIENCE);

const redriveWhen = (id: string, isSo: (now: Redrive) => boolean): Promise<Redrive> =>
  waitFor(async () => {
    const { body } = await hub.admin.get<Redrive>(`/api/admin/redrives/${id}`);
    return isSo(body) && body;
  }, PATIENCE);

const mode = (to: string) => hub.admin.put("/api/admin/simulator", { mode: to });

describe("the list", () => {
  test("is narrowed by each filter", async () => {
    const { id, key, failedAt, correlationId } = await brokenCharge();
    const after = new Date(Date.parse(failedAt) + 1).toISOString();
    const ids = async (filter: string) =>
      (await hub.admin.all<Letter>(`${PATH}?key=${key}&${filter}`)).map((found) => found.id);
    for (const filter of [
      "kind=command",
      "channel=payments.charge",
      "type=payments.charge",
      "service=payments",
      "reason=VALIDATION_ERROR",
      "status=open",
      `correlationId=${correlationId}`,
      `from=${failedAt}&to=${after}`,
    ])
      expect([filter, await ids(filter)]).toEqual([filter, [id]]);
    for (const filter of [
      "kind=event",
      "channel=hub.orders",
      "type=payments.refund",
      "service=orders",
      "reason=NOT_JSON",
      "status=discarded",
      `from=${after}`,
      `to=${failedAt}`,
    ])
      expect([filter, await ids(filter)]).toEqual([filter, []]);
  });

  test.each([
    ["kind=letter", "/kind"],
    ["status=lost", "/status"],
    ["from=yesterday", "/from"],
    ["from=2016-12-31T23:59:60Z", "/from"],
    ["from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "/to"],
    ["sevrice=payments", "/sevrice"],
    ["limit=0", "/limit"],
  ])("refuses the filter %s", async (filter, pointer) => {
    const { status, body } = await hub.admin.get(`${PATH}?${filter}`);
    expect([status, body.code]).toEqual([400, "VALIDATION_ERROR"]);
    expect(body.errors.map((e) => e.pointer)).toContain(pointer);
  });

  test("refuses a cursor that it did not give", async () => {
    const { status, body } = await hub.admin.get(`${PATH}?after=here`);
    expect([status, body.code]).toEqual([400, "BAD_CURSOR"]);
  });
});

describe("one letter", () => {
  test("shows what it was, why it failed, and what happened around it", async () => {
    await mode("broken");
    const { client } = await signUp(hub.guest);
    const { id: orderId } = await place(client);
    const { id } = await letterWhere(`key=${orderId}`);
    await mode("normal");

    const whole = await letter(id);
    expect(whole).toMatchObject({
      orderId,
      failures: 1,
      firstFailedAt: whole.failedAt,
      error: { message: expect.any(String), stack: expect.stringContaining("at ") },
      history: [{ what: "failed", reason: "PROVIDER_BROKEN", attempts: 1, at: whole.failedAt }],
    });
    // The event store takes its time, the letter did not.
    const around = await waitFor(async () => {
      const { body } = await hub.admin.get<{ orderId: string; entries: { type: string }[] }>(
        `${PATH}/${id}/timeline`,
      );
      return body.entries.some(({ type }) => type === "OrderPlaced") && body;
    });
    expect(around.orderId).toBe(orderId);
    expect(around.entries.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["POST /api/orders", "payments.charge"]),
    );
    await hub.admin.post(`${PATH}/${id}/redrive`);
    await orderWhen(client, orderId, isOver);
  });

  test("of no order shows the events of its correlation id", async () => {
    const { id, correlationId } = await brokenCharge();
    await eventOf("ErrorOccurred", id);
    const { body } = await hub.admin.get<{ entries: { type: string }[] }>(`${PATH}/${id}/timeline`);
    expect(body).toMatchObject({ correlationId, entries: [{ type: "ErrorOccurred" }] });
  });

  test("is told on hub.system, once for each failure", async () => {
    const { id, correlationId, orderId } = await brokenCharge();
    const told = await eventOf("ErrorOccurred", id);
    expect(told).toMatchObject({
      correlationId,
      data: { channel: "payments.charge", reason: "VALIDATION_ERROR", service: "payments", orderId },
    });
  });

  test("that nobody has is a 404", async () => {
    for (const path of ["none", "none/timeline"])
      expect((await hub.admin.get(`${PATH}/${path}`)).status).toBe(404);
  });
});

describe("what comes over hub.dead-letters and is no dead letter", () => {
  test.each<[string, unknown]>([
    ["nothing", null],
    ["an empty object", {}],
    ["a letter without its error", { id: "a", kind: "event", channel: "hub.orders", service: "audit" }],
  ])("is put aside itself, and holds up nobody: %s", async (_, message) => {
    const marker = newId();
    const given = message && { ...message, marker };
    await hub.broker.publishEvent("hub.dead-letters", given, { key: marker });
    const [letter] = await waitFor(async () => {
      const found = await hub.admin.all<DeadLetterView>(
        "/api/admin/dead-letters?channel=hub.dead-letters&reason=VALIDATION_ERROR",
      );
      const these = found.filter(({ key }) => key === marker);
      return these.length > 0 && these;
    });
    expect(letter).toMatchObject({ service: "audit", type: "unknown", payload: given });

    await hub.broker.sendCommand("payments.charge", { marker });
    await waitFor(async () => {
      const found = await hub.admin.all<DeadLetterView>("/api/admin/dead-letters?channel=payments.charge");
      return found.some(({ payload }) => (payload as { marker?: string } | null)?.marker === marker);
    });
  });
});

describe("an edited message", () => {
  test("that breaks its contract is refused with the fields, and nothing moves", async () => {
    const found = await brokenCharge();
    const edit = async (payload: unknown) => {
      const { status, body } = await hub.admin.post(`${PATH}/${found.id}/redrive`, { payload });
      return [status, body.code, body.errors.map(({ pointer }) => pointer)];
    };
    const bad = (...pointers: string[]) => [400, "VALIDATION_ERROR", pointers];

    expect(await edit(repaired(found, { amount: -1, currency: "euro" }))).toEqual(
      bad("/payload/data/amount", "/payload/data/currency"),
    );
    expect(await edit({ ...repaired(found), commandId: newId() })).toEqual(bad("/payload/commandId"));
    expect(await edit({ ...repaired(found), commandType: "payments.buy" })).toEqual(
      bad("/payload/commandType"),
    );
    expect(await edit("a text")).toEqual(bad("/payload"));
    expect((await hub.admin.post(`${PATH}/${found.id}/redrive`, { paylod: {} })).status).toBe(400);
    expect(await letter(found.id)).toMatchObject({ status: "open", failures: 1, history: [{}] });
  });

  test("is done, and who edited what is kept with the letter and in the event store", async () => {
    const found = await brokenCharge();
    const payload = repaired(found);
    const { status, body } = await hub.admin.post<Letter>(`${PATH}/${found.id}/redrive`, { payload });

    expect([status, body.status]).toEqual([202, "redriven"]);
    expect(body.history?.at(-1)).toMatchObject({
      what: "redriven",
      by: adminId,
      edits: [{ pointer: "/data/amount", before: "much", after: 900 }],
    });
    const payment = await waitFor(
      async () =>
        (await hub.admin.all<PaymentView>(`/api/admin/payments?orderId=${found.key}`)).find(
          (p) => p.status === "succeeded",
        ),
      PATIENCE,
    );
    expect(payment.amount).toBe(900);
    const told = await eventOf("DeadLetterRedriven", found.id);
    expect(told.data).toMatchObject({ by: adminId, edited: ["/data/amount"] });
    expect(JSON.stringify(told)).not.toContain("@");
  });

  test("that fails again goes on in the same letter, also where its id changes each time", async () => {
    const marker = randomUUID();
    await hub.broker.sendCommand("payments.charge", { marker });
    const [found] = await waitFor(async () => {
      const all = await hub.admin.all<Letter>(`${PATH}?channel=payments.charge&type=unknown`);
      const own = all.filter(({ payload }) => (payload as { marker?: string }).marker === marker);
      return own.length > 0 && own;
    }, PATIENCE);
    await hub.admin.post(`${PATH}/${found?.id}/redrive`);

    const again = await letterWhen(found?.id ?? "", ({ failures }) => failures === 2);
    expect(again.messageId).not.toBe(found?.messageId);
    expect(again).toMatchObject({ status: "open", firstFailedAt: found?.failedAt });
    expect(again.headers).toEqual(found?.headers);
    expect(again.history?.map(({ what }) => what)).toEqual(["failed", "redriven", "failed"]);
  });
});

test("a redrive that was accepted goes out when its broker is back", async () => {
  const found = await brokenCharge();
  const away = jest
    .spyOn(hub.broker.commandsAdapter as unknown as { publish(): Promise<void> }, "publish")
    .mockRejectedValue(new Error("away"));
  const { status } = await hub.admin.post(`${PATH}/${found.id}/redrive`, { payload: repaired(found) });
  expect(status).toBe(202);
  await waitFor(() => away.mock.calls.length > 0);
  away.mockRestore();
  await waitFor(
    async () =>
      (await hub.admin.all<PaymentView>(`/api/admin/payments?orderId=${found.key}`))[0]?.status ===
      "succeeded",
    PATIENCE,
  );
  expect(await letter(found.id)).toMatchObject({ status: "redriven", failures: 1 });
}, 40_000);

describe("discarding", () => {
  test("keeps who did it and why", async () => {
    const { id } = await brokenCharge();
    const { status, body } = await hub.admin.post<Letter>(`${PATH}/${id}/discard`, {
      reason: "a test order",
    });
    expect([status, body.status]).toEqual([202, "discarded"]);
    expect(body.history?.at(-1)).toMatchObject({ what: "discarded", by: adminId, reason: "a test order" });
    expect((await eventOf("DeadLetterDiscarded", id)).data).toMatchObject({
      by: adminId,
      reason: "a test order",
    });
  });

  test("takes no e-mail address for a reason: the event store keeps it for ever", async () => {
    const { id } = await brokenCharge();
    const { status, body } = await hub.admin.post(`${PATH}/${id}/discard`, {
      reason: "ada@example.com said so",
    });
    expect([status, body.errors[0]?.pointer]).toEqual([400, "/reason"]);
    expect((await letter(id)).status).toBe("open");
  });
});

describe("a redrive of many", () => {
  /** Letters that fail again whenever they are sent, and the time that tells them from those of other tests. */
  async function several(count: number): Promise<{ ids: string[]; from: string }> {
    const letters = await Promise.all(Array.from({ length: count }, () => brokenCharge()));
    const from = letters.map(({ failedAt }) => failedAt).sort()[0] ?? "";
    return { ids: letters.map(({ id }) => id), from };
  }

  test("sends each letter of the filter once, and ends although they fail again", async () => {
    const { ids, from } = await several(5);
    const before = { reason: "VALIDATION_ERROR", type: "payments.charge", from, perSecond: 50 };
    const { status, headers, body } = await hub.admin.post<Redrive>("/api/admin/redrives", before);
    expect([status, body.status, body.by, body.total]).toEqual([202, "running", adminId, 5]);
    expect(headers.get("location")).toBe(`/api/admin/redrives/${body.id}`);

    const done = await redriveWhen(body.id, (now) => now.status === "done");
    expect(done).toMatchObject({ redriven: 5, progress: 1, endedAt: expect.any(String) });
    for (const id of ids) {
      const again = await letterWhen(id, ({ failures }) => failures === 2);
      expect(again.history?.map(({ redriveId }) => redriveId)).toEqual([undefined, body.id, undefined]);
    }
    const { items } = (await hub.admin.get<Page<Redrive>>("/api/admin/redrives?limit=1")).body;
    expect(items.map(({ id }) => id)).toEqual([body.id]);
  });

  test("goes on where it was after its node was stopped", async () => {
    const { ids, from } = await several(4);
    const { body } = await hub.admin.post<Redrive>("/api/admin/redrives", {
      from,
      service: "payments",
      perSecond: 2,
    });
    await redriveWhen(body.id, ({ redriven }) => redriven > 0);
    await hub.restart();

    const done = await redriveWhen(body.id, (now) => now.status === "done");
    expect(done).toMatchObject({ total: 4, redriven: 4 });
    for (const id of ids) await letterWhen(id, ({ failures }) => failures === 2);
  }, 60_000);

  test("can be stopped, once", async () => {
    const { from } = await several(3);
    const { body } = await hub.admin.post<Redrive>("/api/admin/redrives", { from, perSecond: 1 });
    const stopped = await hub.admin.post<Redrive>(`/api/admin/redrives/${body.id}/stop`);
    expect([stopped.status, stopped.body.status]).toEqual([202, "stopped"]);
    const again = await hub.admin.post(`/api/admin/redrives/${body.id}/stop`);
    expect([again.status, again.body.code]).toEqual([409, "REDRIVE_OVER"]);
    // At most the first of them went out.
    const { items } = (await hub.admin.get<Page<Letter>>(`${PATH}?from=${from}`)).body;
    expect(items.filter(({ failures }) => failures === 1).length).toBeGreaterThanOrEqual(2);
  });

  test.each([
    [{ perSecond: 0 }, "/perSecond"],
    [{ status: "open" }, "/status"],
    [{ from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z" }, "/to"],
  ])("is refused with %j", async (wrong, pointer) => {
    const { status, body } = await hub.admin.post("/api/admin/redrives", wrong);
    expect([status, body.errors[0]?.pointer]).toEqual([400, pointer]);
  });

  test("that nobody started is a 404", async () => {
    expect((await hub.admin.get("/api/admin/redrives/none")).status).toBe(404);
    expect((await hub.admin.post("/api/admin/redrives/none/stop")).status).toBe(404);
  });
});
