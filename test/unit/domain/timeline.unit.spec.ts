import type { HubEvent } from "../../../contracts/events";
import { noticeId } from "../../../domain/notification";
import { chargeId, refundId } from "../../../domain/order";
import { forOwner, timelineOf } from "../../../domain/timeline";
import { at, fact, newOrder, orderAfter } from "./facts";

const event = (eventType: string, seconds: number, own: object = {}): HubEvent =>
  ({
    eventId: `${eventType}-${seconds}`,
    eventType,
    timestamp: at(seconds).at,
    source: "orders",
    causationId: "request-1",
    data: { orderId: "order-1" },
    ...own,
  }) as unknown as HubEvent;

const stepsOf = (...args: Parameters<typeof timelineOf>) =>
  timelineOf(...args).entries.map(({ kind, type }) => `${kind} ${type}`);

test("given an order alone, its journey is the request and the command that it sent", () => {
  const { entries, ...rest } = timelineOf(newOrder(), []);
  expect(rest).toEqual({ orderId: "order-1", correlationId: "trace-1" });
  expect(entries).toMatchObject([
    { kind: "request", type: "POST /api/orders", id: "request-1", causationId: null },
    { kind: "command", type: "payments.charge", id: chargeId("order-1"), causationId: "request-1" },
  ]);
});

test("events come in by time, what tells a person is a notification, and none comes twice", () => {
  const events = [
    event("NotificationSent", 3, { data: { orderId: "order-1", channel: "browser" } }),
    event("PaymentProcessed", 2),
    event("OrderPlaced", 0),
    event("PaymentProcessed", 2),
  ];
  expect(stepsOf(newOrder(), events)).toEqual([
    "request POST /api/orders",
    "event OrderPlaced",
    "command payments.charge",
    "event PaymentProcessed",
    "notification NotificationSent",
  ]);
});

test("a cancel is a request, and asks for the refund", () => {
  const order = orderAfter(fact("PaymentProcessed"), fact("CancelRequested", "cancel-1"));
  const { entries } = timelineOf(order, []);
  expect(entries.slice(2)).toMatchObject([
    { kind: "request", type: "POST /api/orders/:id/cancel", id: "cancel-1" },
    { kind: "command", type: "payments.refund", id: refundId("order-1"), causationId: "cancel-1" },
  ]);
});

test("an order without seats asks for the refund because of it", () => {
  const order = orderAfter(fact("PaymentProcessed"), fact("ProductOutOfStock", "no-seats"));
  expect(timelineOf(order, []).entries.at(-1)).toMatchObject({
    type: "payments.refund",
    causationId: "no-seats",
  });
});

test.each([["NotificationSent"], ["NotificationFailed"]])(
  "a %s by mail has the command that made it go out, and that has its cause",
  (eventType) => {
    const paid = event("PaymentProcessed", 2);
    const notificationId = noticeId(paid.eventId, "user-1", "email");
    const data = { notificationId, userId: "user-1", orderId: "order-1", channel: "email" };
    const sent = event(eventType, 3, { causationId: "deliver-1", data });
    const { entries } = timelineOf(newOrder(), [paid, sent]);
    expect(entries.slice(2)).toMatchObject([
      { id: paid.eventId },
      {
        kind: "command",
        type: "notifications.deliver",
        source: "notifications",
        id: "deliver-1",
        causationId: paid.eventId,
      },
      { type: eventType, causationId: "deliver-1" },
    ]);
  },
);

test("given what operators did and how fraud was scored, an order's owner does not see it", () => {
  const events = [
    event("OrderRejected", 1, { data: { orderId: "order-1", score: 0.9, reasons: ["TOTAL"], total: 1 } }),
    event("ErrorOccurred", 2, { data: { orderId: "order-1", nodeId: "node-1" } }),
    event("DeadLetterDiscarded", 3, { data: { orderId: "order-1", by: "admin-1", reason: "a remark" } }),
    event("OrderNudged", 4, { data: { orderId: "order-1", by: "admin-1", owes: "payments" } }),
    event("NewerThanWe", 5),
  ];
  expect(forOwner(events).map(({ eventType, data }) => ({ eventType, data }))).toEqual([
    { eventType: "OrderRejected", data: { orderId: "order-1", total: 1 } },
    { eventType: "OrderNudged", data: { orderId: "order-1", owes: "payments" } },
    { eventType: "NewerThanWe", data: { orderId: "order-1" } },
  ]);
});
