import { isSuspected, scoreOrder } from "../../../domain/fraud";
import { noticeOf } from "../../../domain/notification";
import type { HubEvent } from "../../../contracts/events";

const event = (eventType: string, data: object): HubEvent =>
  ({
    eventId: "e1",
    eventType,
    timestamp: "2026-01-31T12:00:00.000Z",
    version: "1.0",
    source: "payments",
    correlationId: "trace",
    causationId: "cause",
    key: "o1",
    sequence: 1,
    data: { orderId: "o1", userId: "u1", ...data },
  }) as unknown as HubEvent;

describe("given an event, its user is told", () => {
  test.each<[string, object, string, RegExp]>([
    ["PaymentProcessed", { amount: 2900, currency: "EUR" }, "Payment received", /€29\.00/],
    ["PaymentProcessed", { amount: 5, currency: "USD" }, "Payment received", /\$0\.05/],
    [
      "PaymentFailed",
      { reason: "card_declined" },
      "Payment declined",
      /The bank declined.* Nothing was taken/,
    ],
    ["PaymentFailed", { reason: "lost_card" }, "Payment declined", /declined: lost card\. Nothing was taken/],
    ["PaymentRefunded", { amount: 100, currency: "EUR" }, "Money refunded", /€1\.00/],
    ["SubscriptionActivated", { planId: "pro", quantity: 2 }, "Subscription active", /pro .* 2 seats/],
    ["OrderCancelled", { reason: "OUT_OF_STOCK" }, "Order cancelled", /seats/],
    ["OrderCancelled", { reason: "CANCELLED_BY_USER" }, "Order cancelled", /You cancelled/],
    ["OrderCancelled", { reason: "of another kind" }, "Order cancelled", /cancelled/],
    ["OrderRejected", {}, "Order rejected", /Nothing was charged/],
  ])("%s %j", (type, data, title, body) => {
    const notice = noticeOf(event(type, data));
    expect(notice).toMatchObject({ userId: "u1", orderId: "o1", type, title });
    expect(notice?.body).toMatch(body);
  });

  test("by the same id each time, and another for another event", () => {
    const one = noticeOf(event("OrderRejected", {}));
    expect(noticeOf(event("OrderRejected", {}))?.id).toBe(one?.id);
    const other = noticeOf({ ...event("OrderRejected", {}), eventId: "e2" } as HubEvent);
    expect(other?.id).not.toBe(one?.id);
  });

  test.each([
    ["a charge that a cancel prevented", "PaymentFailed", { reason: "CANCELLED" }],
    ["a step in between", "OrderUpdated", {}],
    ["a count of seats", "InventoryUpdated", {}],
    ["a type that nobody knows", "PaymentDreamt", {}],
  ])("nothing of %s", (_what, type, data) => {
    expect(noticeOf(event(type, data))).toBeNull();
  });
});

describe("fraud", () => {
  const score = (amount: number, currency = "EUR") =>
    scoreOrder({ orderId: "o", userId: "u", amount, currency, items: [] });

  test("suspects what is above 1,000.00, not what is at it", () => {
    expect(isSuspected(score(100_000), 0.8)).toBe(false);
    expect(isSuspected(score(100_001), 0.8)).toBe(true);
    expect(score(100_001)).toEqual({ score: 0.9, reasons: ["LARGE_TOTAL"] });
  });

  test.each([
    ["JPY", 1_000],
    ["EUR", 100_000],
    ["KWD", 1_000_000],
  ])("counts %s in its own units, of which this is 1,000", (currency, amount) => {
    expect(isSuspected(score(amount, currency), 0.8)).toBe(false);
    expect(isSuspected(score(amount + 1, currency), 0.8)).toBe(true);
  });

  test("refuses above the limit, not at it", () => {
    expect(isSuspected(score(100_001), 0.9)).toBe(false);
  });
});
