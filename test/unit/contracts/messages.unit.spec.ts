import type { TObject, TSchema } from "@sinclair/typebox";
import { COMMANDS } from "../../../contracts/commands";
import { EVENTS } from "../../../contracts/events";
import { contractError } from "../../../contracts/messages";

const envelope = {
  timestamp: "2026-01-31T12:00:00.000Z",
  version: "1.0",
  source: "payments",
  correlationId: "trace",
  causationId: "cause",
  key: "o1",
  sequence: 1,
};
const data = { orderId: "o1", userId: "u1", paymentId: "o1", amount: 100, currency: "EUR" };
const refunded = { eventId: "e1", eventType: "PaymentRefunded", ...envelope, data };
const refund = {
  commandId: "c1",
  commandType: "payments.refund",
  ...envelope,
  data: { orderId: "o1", userId: "u1", amount: 100, currency: "EUR", reason: "" },
};

describe("a message is let through", () => {
  test.each<[string, unknown]>([
    ["an event", refunded],
    ["a command", refund],
    [
      "an event with fields of a newer minor",
      { ...refunded, version: "1.9", tags: [], data: { ...data, net: 90 } },
    ],
    [
      "an event of a type that is not known yet",
      { ...refunded, eventType: "PaymentDreamt", data: { of: 1 } },
    ],
    ["an event whose type objects have", { ...refunded, eventType: "constructor", data: {} }],
  ])("%s", (_what, message) => {
    expect(contractError(message)).toBeNull();
  });
});

describe("a message is refused for good", () => {
  test.each<[string, unknown]>([
    ["null", null],
    ["text", "hello"],
    ["a number", 7],
    ["a list", [refunded]],
    ["an object of another kind", { hello: "world" }],
    ["no id", { ...refunded, eventId: undefined }],
    ["an id that is none", { ...refunded, eventId: { $ne: 1 } }],
    ["no data", { ...refunded, data: undefined }],
    ["data of another shape", { ...refunded, data: { ...data, amount: "100" } }],
    ["a missing field", { ...refunded, data: { ...data, orderId: undefined } }],
    ["a time that is none", { ...refunded, timestamp: "yesterday" }],
    ["a version that is none", { ...refunded, version: "one" }],
    ["no key", { ...refunded, key: "" }],
    ["a type that is not known, and no data", { ...refunded, eventType: "PaymentDreamt", data: null }],
    ["a type that is not known, and no time", { ...refunded, eventType: "Dreamt", timestamp: undefined }],
    ["a command with broken data", { ...refund, data: { ...refund.data, currency: "euro" } }],
    ["an unknown command", { ...refund, commandType: "payments.steal" }],
    ["a command whose type objects have", { ...refund, commandType: "constructor" }],
  ])("%s", (_what, message) => {
    const error = contractError(message);
    expect(error).toMatchObject({ retryable: false, code: expect.any(String) });
    expect(error?.message).not.toBe("");
  });
});

describe("no event or command has a field for personal data", () => {
  const PERSONAL = /e-?mail|phone|number|address|password|token|firstname|lastname|birth|iban|sms/i;

  function fieldsOf(schema: TSchema): string[] {
    const own = Object.entries((schema as Partial<TObject>).properties ?? {});
    const items = (schema as { items?: TSchema }).items;
    return [...own.flatMap(([name, field]) => [name, ...fieldsOf(field)]), ...(items ? fieldsOf(items) : [])];
  }

  test.each([...Object.entries(EVENTS), ...Object.entries(COMMANDS)])("%s", (type, { data: schema }) => {
    expect(fieldsOf(schema).filter((name) => PERSONAL.test(name))).toEqual([]);
    // The one name that there is, is a plan's.
    if (!type.startsWith("Plan")) expect(fieldsOf(schema)).not.toContain("name");
  });
});

test("every event has a version of major and minor", () => {
  for (const { version } of [...Object.values(EVENTS), ...Object.values(COMMANDS)])
    expect(version).toMatch(/^\d+\.\d+$/);
});
