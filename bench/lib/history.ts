import { newId } from "../../contracts/ids";
import type { HubEvent } from "../../contracts/events";

const DAY_MS = 86_400_000;
const PLANS = ["basic", "pro", "business"];
const STEPS: [source: string, type: string, own: object][] = [
  ["orders", "OrderPlaced", {}],
  ["payments", "PaymentProcessed", {}],
  ["orders", "OrderUpdated", { status: "PAID", previousStatus: "PENDING" }],
  ["inventory", "InventoryReserved", {}],
  ["orders", "OrderUpdated", { status: "ACTIVE", previousStatus: "PAID" }],
  ["orders", "SubscriptionActivated", { subscriptionId: "s", quantity: 1 }],
  ["notifications", "NotificationSent", { channel: "browser", type: "PaymentProcessed" }],
  ["notifications", "NotificationSent", { channel: "browser", type: "SubscriptionActivated" }],
];

/** How many events each order of the history has. */
export const EVENTS_PER_ORDER = STEPS.length;

export const orderIdOf = (n: number): string => (orderIds[n] ??= newId());
const orderIds: string[] = [];

/** What happened to the nth order, as the hub tells it; the orders are a month's. */
export function historyOf(n: number): HubEvent[] {
  const orderId = orderIdOf(n);
  const placed = Date.parse("2026-01-01T00:00:00.000Z") + ((n * 7_919) % (30 * DAY_MS));
  const amount = 900 * (1 + (n % 3));
  const planId = PLANS[n % PLANS.length];
  const correlationId = newId();
  const items = [{ planId, quantity: 1, unitPrice: { amount, currency: "EUR" } }];
  return STEPS.map(
    ([source, eventType, own], i) =>
      ({
        eventId: newId(),
        eventType,
        timestamp: new Date(placed + i * 5).toISOString(),
        version: "1.0",
        source,
        correlationId,
        causationId: correlationId,
        key: orderId,
        sequence: i + 1,
        data: {
          orderId,
          userId: `user-${n % 1_000}`,
          planId,
          items,
          total: { amount, currency: "EUR" },
          ...own,
        },
      }) as unknown as HubEvent,
  );
}
