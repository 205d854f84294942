import type { HubEvent } from "../contracts/events";
import type { DistributiveOmit, OrderFact } from "./order";

/** What an event of another service means to an order, or null when it means nothing. */
export function factOf(
  event: HubEvent,
): { orderId: string; fact: DistributiveOmit<OrderFact, "recordedAt"> } | null {
  const known = { id: event.eventId, at: event.timestamp };
  switch (event.eventType) {
    case "PaymentProcessed":
    case "PaymentRefunded":
    case "InventoryReserved":
    case "InventoryReleased":
      return { orderId: event.data.orderId, fact: { type: event.eventType, ...known } };
    case "PaymentFailed":
      return {
        orderId: event.data.orderId,
        fact: { type: "PaymentFailed", reason: event.data.reason, ...known },
      };
    case "ProductOutOfStock":
      return {
        orderId: event.data.orderId,
        fact: { type: "ProductOutOfStock", planId: event.data.planId, ...known },
      };
    default:
      return null;
  }
}
