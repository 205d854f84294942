import { ValidationError } from "../../../contracts/errors";
import type { DeadLetter } from "../../../contracts/dead-letter";
import { discard, recordFailure, redrive, RESEND_MS, type Letter } from "../../../domain/dead-letter";

const NOW = { at: "2026-01-15T10:00:00.000Z", ms: Date.parse("2026-01-15T10:00:00.000Z") };
const FILED = { _id: "letter-1", nodeId: "node-1", headers: { trace: "t-1" } };

const charge = (data: object = {}, own: object = {}) => ({
  commandId: "charge-1",
  commandType: "payments.charge",
  timestamp: NOW.at,
  version: "1.0",
  source: "orders",
  correlationId: "corr-1",
  causationId: "request-1",
  key: "order-1",
  sequence: 2,
  data: {
    orderId: "order-1",
    userId: "user-1",
    amount: 900,
    currency: "EUR",
    paymentMethod: "pm_card_visa",
    items: [{ planId: "basic", quantity: 1 }],
    ...data,
  },
  ...own,
});

const failed = (own: Partial<DeadLetter> = {}): DeadLetter => ({
  id: "failure-1",
  kind: "command",
  channel: "payments.charge",
  type: "payments.charge",
  messageId: "charge-1",
  key: "order-1",
  correlationId: "corr-1",
  service: "payments",
  reason: "PROVIDER_BROKEN",
  error: { name: "PermanentError", message: "broken", stack: "at ..." },
  attempts: 1,
  headers: {},
  payload: charge(),
  failedAt: "2026-01-15T09:00:00.000Z",
  ...own,
});

/** The state after a decision that there has to be. */
const after = (decision: { state: Letter } | null): Letter => {
  if (!decision) throw new Error("nothing was decided");
  return decision.state;
};
const open = (own: Partial<DeadLetter> = {}): Letter => after(recordFailure(null, failed(own), FILED));

const refusal = (edit: () => unknown): string[] => {
  try {
    edit();
  } catch (error) {
    if (error instanceof ValidationError) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
};

describe("a failure", () => {
  test("given a message nobody knows of, then it is an open letter, and that is told with ids alone", () => {
    const decision = recordFailure(null, failed(), FILED);
    expect(decision?.state).toMatchObject({
      _id: "letter-1",
      status: "open",
      orderId: "order-1",
      failures: 1,
      firstFailedAt: "2026-01-15T09:00:00.000Z",
      headers: { trace: "t-1" },
      history: [{ what: "failed", id: "failure-1", reason: "PROVIDER_BROKEN" }],
    });
    expect(decision?.messages).toEqual([
      {
        event: "ErrorOccurred",
        data: {
          nodeId: "node-1",
          deadLetterId: "letter-1",
          channel: "payments.charge",
          reason: "PROVIDER_BROKEN",
          service: "payments",
          orderId: "order-1",
        },
      },
    ]);
  });

  test("given the same failure told twice, then the second time changes nothing", () => {
    const redriven = after(redrive(open(), { by: "ada" }, NOW));
    expect(recordFailure(redriven, failed(), FILED)).toBeNull();
  });

  test("given a redriven letter, when it fails again, then it is open with all its history and nothing to send", () => {
    const redriven = after(redrive(open(), { by: "ada" }, NOW));
    const again = after(
      recordFailure(redriven, failed({ id: "failure-2", reason: "OTHER", failedAt: NOW.at }), FILED),
    );
    expect(again).toMatchObject({ status: "open", failures: 2, reason: "OTHER", failedAt: NOW.at });
    expect(again.firstFailedAt).toBe("2026-01-15T09:00:00.000Z");
    expect(again.history.map(({ what }) => what)).toEqual(["failed", "redriven", "failed"]);
    expect(again).not.toHaveProperty("resendAt");
  });

  test("given a word of a failure that itself failed, then it is not told: it would go round for ever", () => {
    expect(recordFailure(null, failed({ type: "ErrorOccurred" }), FILED)?.messages).toEqual([]);
  });

  test("given one that fails for years, then its first failure and the newest entries are kept", () => {
    let letter = open();
    for (let i = 2; i <= 100; i++)
      letter = after(recordFailure(letter, failed({ id: `failure-${i}` }), FILED));
    expect(letter.failures).toBe(100);
    expect(letter.history).toHaveLength(50);
    expect([letter.history[0], letter.history.at(-1)]).toMatchObject([
      { id: "failure-1" },
      { id: "failure-100" },
    ]);
  });

  test("given a message that is no envelope, then nothing is taken for an id that is none", () => {
    const letter = open({ payload: { data: { orderId: 7 } }, correlationId: null, key: null });
    expect(letter).not.toHaveProperty("orderId");
    expect(letter).not.toHaveProperty("correlationId");
  });
});

describe("a redrive", () => {
  test("given an open letter, then it is to be sent as it was, and who did it is told", () => {
    const decision = redrive(open(), { by: "ada", redriveId: "many-1" }, NOW);
    expect(decision?.state).toMatchObject({
      status: "redriven",
      redriveId: "many-1",
      resendAt: NOW.ms + RESEND_MS,
      payload: charge(),
    });
    expect(decision?.messages).toMatchObject([
      {
        event: "DeadLetterRedriven",
        data: { by: "ada", edited: [], redriveId: "many-1", orderId: "order-1" },
      },
    ]);
  });

  test("given a letter that is not open, then there is nothing to decide", () => {
    const closed = after(discard(open(), { by: "ada" }, NOW));
    expect(redrive(closed, { by: "ada" }, NOW)).toBeNull();
    expect(discard(closed, { by: "ada" }, NOW)).toBeNull();
  });

  test("given an edited payload, then its edits stay with the letter, and only their places are told", () => {
    const decision = redrive(open(), { by: "ada", payload: charge({ amount: 100 }) }, NOW);
    expect(decision?.state.payload).toEqual(charge({ amount: 100 }));
    expect(decision?.state.history.at(-1)).toMatchObject({
      what: "redriven",
      by: "ada",
      at: NOW.at,
      edits: [{ pointer: "/data/amount", before: 900, after: 100 }],
    });
    expect(decision?.messages).toMatchObject([{ data: { edited: ["/data/amount"] } }]);
  });

  test.each([
    ["a field that breaks the schema", charge({ amount: -1 }), ["/payload/data/amount"]],
    ["another id", charge({}, { commandId: "charge-2" }), ["/payload/commandId"]],
    ["another key", charge({}, { key: "order-2" }), ["/payload/key"]],
    ["another order", charge({ orderId: "order-2" }), ["/payload/data/orderId"]],
    ["an unknown command", charge({}, { commandType: "payments.buy" }), ["/payload/commandType"]],
    ["no envelope", 7, ["/payload"]],
    [
      "a command of another queue",
      charge({ reason: "x" }, { commandType: "payments.refund" }),
      ["/payload/commandType"],
    ],
  ])("given %s, then it is refused with the field", (_, payload, pointers) => {
    expect(refusal(() => redrive(open(), { by: "ada", payload }, NOW))).toEqual(pointers);
  });

  test("given a message that was no envelope, when it is edited into one, then the letter knows it", () => {
    const unread = open({
      type: "unknown",
      messageId: "random",
      key: null,
      correlationId: null,
      payload: "{bad",
    });
    expect(after(redrive(unread, { by: "ada", payload: charge() }, NOW))).toMatchObject({
      type: "payments.charge",
      messageId: "charge-1",
      key: "order-1",
      correlationId: "corr-1",
      orderId: "order-1",
    });
  });

  test("given an event of a type that only newer hubs know, when it is edited, then its type has to stay", () => {
    const { commandId: _i, commandType: _t, ...rest } = charge();
    const event = { ...rest, eventId: "e-1", eventType: "Newer" };
    const letter = open({ kind: "event", channel: "hub.orders", type: "Newer", payload: event });
    const edited = { ...event, data: { orderId: "order-1" } };
    expect(after(redrive(letter, { by: "ada", payload: edited }, NOW)).payload).toEqual(edited);
    const other = { ...edited, eventType: "Other" };
    expect(refusal(() => redrive(letter, { by: "ada", payload: other }, NOW))).toEqual([
      "/payload/eventType",
    ]);
  });
});

test("discarding keeps who did it and why", () => {
  const decision = discard(open(), { by: "ada", reason: "a test" }, NOW);
  expect(decision?.state).toMatchObject({
    status: "discarded",
    history: [{}, { what: "discarded", by: "ada", reason: "a test", at: NOW.at }],
  });
  expect(decision?.messages).toMatchObject([
    { event: "DeadLetterDiscarded", data: { by: "ada", reason: "a test", orderId: "order-1" } },
  ]);
});
