import type { CommandType } from "./commands";
import { ALL_TOPICS, EVENTS, type EventType, type Topic } from "./events";

/** Who speaks on each topic: the service that it is named after; `system` is every node. */
export const senderOf = (topic: Topic): string =>
  topic === "hub.users" ? "auth" : topic.slice("hub.".length);

/** Who sends each command, and who takes it. */
export const COMMAND_FLOWS: Record<CommandType, { from: string; to: string }> = {
  "payments.charge": { from: "orders", to: "payments" },
  "payments.refund": { from: "orders", to: "payments" },
  "notifications.deliver": { from: "notifications", to: "notifications" },
};

/** The events that each service acts on. It gets all of their topics, and lets the others pass. */
export const TAKES: Record<string, readonly EventType[]> = {
  orders: [
    "PaymentProcessed",
    "PaymentFailed",
    "PaymentRefunded",
    "InventoryReserved",
    "InventoryReleased",
    "ProductOutOfStock",
  ],
  inventory: ["PaymentProcessed", "OrderCancelled", "PlanPublished"],
  notifications: [
    "OrderRejected",
    "OrderCancelled",
    "SubscriptionActivated",
    "PaymentProcessed",
    "PaymentFailed",
    "PaymentRefunded",
    "UserDeleted",
  ],
  audit: Object.keys(EVENTS) as EventType[],
};

/** The services that act on an event. */
export const takersOf = (type: EventType): string[] =>
  Object.keys(TAKES).filter((service) => TAKES[service]?.includes(type));

/** The topics that a service reads. */
export const topicsOf = (service: string): Topic[] =>
  ALL_TOPICS.filter((topic) => TAKES[service]?.some((type) => EVENTS[type].topic === topic));
