import { EVENTS, type HubEvent } from "../contracts/events";
import { noticeId } from "./notification";
import { chargeId, refundId, type Order } from "./order";

export interface TimelineEntry {
  /** ISO 8601. */
  at: string;
  kind: "request" | "command" | "event" | "notification";
  type: string;
  source: string;
  id: string;
  causationId: string | null;
  data: unknown;
}

export interface Timeline {
  orderId: string;
  correlationId: string;
  entries: TimelineEntry[];
}

/**
 * The journey of an order from the first request to the last notification: requests and commands from the
 * order's own facts, the rest from the event store. A command to deliver is known by what came of it.
 */
export function timelineOf(order: Order, events: readonly HubEvent[]): Timeline {
  const { _id: orderId, correlationId, userId, items, total, paymentMethod } = order;
  const entries: TimelineEntry[] = [
    {
      at: order.createdAt,
      kind: "request",
      type: "POST /api/orders",
      source: "api",
      id: order.requestId,
      causationId: null,
      data: { userId, items, paymentMethod },
    },
  ];
  if (!order.facts.some(({ type }) => type === "Rejected"))
    entries.push(
      command("payments.charge", chargeId(orderId), order.createdAt, order.requestId, { orderId, ...total }),
    );
  for (const fact of order.facts) {
    if (fact.type === "CancelRequested") {
      const path = fact.by === "admin" ? "/api/admin/orders" : "/api/orders";
      entries.push({
        at: fact.recordedAt,
        kind: "request",
        type: `POST ${path}/:id/cancel`,
        source: "api",
        id: fact.id,
        causationId: null,
        data: { orderId, by: fact.by },
      });
    }
  }
  const ended = order.facts.find(({ type }) => type === "CancelRequested" || type === "ProductOutOfStock");
  const unpaid = order.facts.some(
    ({ type, recordedAt }) => type === "PaymentFailed" && recordedAt < (ended?.recordedAt ?? ""),
  );
  if (ended && !unpaid)
    entries.push(
      command("payments.refund", refundId(orderId), ended.recordedAt, ended.id, { orderId, ...total }),
    );

  const seen = new Set<string>();
  for (const event of events) {
    if (seen.has(event.eventId)) continue;
    seen.add(event.eventId);
    entries.push(entryOf(event), ...deliveryBefore(event, events));
  }
  // What caused something comes before it when both have the same millisecond.
  const rank = { request: 0, command: 2, event: 1, notification: 3 };
  entries.sort((a, b) => a.at.localeCompare(b.at) || rank[a.kind] - rank[b.kind]);
  return { orderId, correlationId, entries };
}

/** What operators alone may know of an order's events: which of them did it, and how fraud is scored. */
const UNTOLD = new Set(["by", "score", "reasons"]);

/** The events of an order as its owner may see them: without what goes on inside the hub. */
export function forOwner(events: readonly HubEvent[]): HubEvent[] {
  return events
    .filter(({ eventType }) => EVENTS[eventType]?.topic !== "hub.system")
    .map((event) => {
      const data = Object.fromEntries(Object.entries(event.data).filter(([name]) => !UNTOLD.has(name)));
      return { ...event, data } as HubEvent;
    });
}

/** An event as a step of a journey. */
export const entryOf = (event: HubEvent): TimelineEntry => ({
  at: event.timestamp,
  kind: event.eventType.startsWith("Notification") ? "notification" : "event",
  type: event.eventType,
  source: event.source,
  id: event.eventId,
  causationId: event.causationId,
  data: event.data,
});

/** The command that made a notification go out by mail, webhook or the like; what caused it is known by its id. */
function deliveryBefore(event: HubEvent, events: readonly HubEvent[]): TimelineEntry[] {
  if (event.eventType !== "NotificationSent" && event.eventType !== "NotificationFailed") return [];
  const { notificationId, userId, orderId, channel } = event.data;
  if (channel === "browser") return [];
  const cause = events.find(({ eventId }) => noticeId(eventId, userId, channel) === notificationId);
  const data = { notificationId, userId, orderId, channel };
  const at = cause?.timestamp ?? event.timestamp;
  const delivery = command("notifications.deliver", event.causationId, at, cause?.eventId ?? null, data);
  return [{ ...delivery, source: "notifications" }];
}

const command = (
  type: string,
  id: string,
  at: string,
  causationId: string | null,
  data: unknown,
): TimelineEntry => ({
  at,
  kind: "command",
  type,
  source: "orders",
  id,
  causationId,
  data,
});
