import { Type, type Static, type TObject, type TProperties } from "@sinclair/typebox";
import type { EventEnvelope } from "./envelope";
import { Money } from "./money";

/**
 * Every event: a fact in the past tense. People appear by id only, never by e-mail, name or number, so that
 * the event store can keep events for ever. Consumers ignore fields they do not know.
 */
export const TOPICS = {
  orders: "hub.orders",
  payments: "hub.payments",
  inventory: "hub.inventory",
  notifications: "hub.notifications",
  users: "hub.users",
  plans: "hub.plans",
  system: "hub.system",
} as const;
export type Topic = (typeof TOPICS)[keyof typeof TOPICS];
export const ALL_TOPICS: readonly Topic[] = Object.values(TOPICS);

const Id = Type.String({ minLength: 1, maxLength: 255 });
const Time = Type.String({ format: "date-time" });

/** One line of an order, at the price it was placed for. */
export const Line = Type.Object({ planId: Id, quantity: Type.Integer({ minimum: 1 }), unitPrice: Money });
export type Line = Static<typeof Line>;

/** What seats are counted by. */
export const SeatLine = Type.Object({ planId: Id, quantity: Type.Integer({ minimum: 1 }) });
export type SeatLine = Static<typeof SeatLine>;

export const ORDER_STATUSES = [
  "PENDING",
  "PAID",
  "ACTIVE",
  "PAYMENT_FAILED",
  "REJECTED",
  "CANCELLED",
] as const;
export const OrderStatus = Type.Union(ORDER_STATUSES.map((s) => Type.Literal(s)));
export type OrderStatus = (typeof ORDER_STATUSES)[number];

export const RefundStatus = Type.Union([Type.Literal("none"), Type.Literal("pending"), Type.Literal("done")]);
export type RefundStatus = Static<typeof RefundStatus>;

export const Role = Type.Union([Type.Literal("user"), Type.Literal("admin")]);
export type Role = Static<typeof Role>;

const OfOrder = { orderId: Id, userId: Id };
const OfPayment = { ...OfOrder, paymentId: Id, amount: Type.Integer(), currency: Type.String() };
const Availability = {
  planId: Id,
  seats: Type.Union([Type.Integer(), Type.Null()]),
  available: Type.Union([Type.Integer(), Type.Null()]),
  reserved: Type.Integer(),
};
const Plan = {
  planId: Id,
  name: Type.String(),
  price: Money,
  interval: Type.String(),
  seats: Type.Union([Type.Integer(), Type.Null()]),
};

const event = <P extends TProperties>(topic: Topic, summary: string, data: P) => ({
  topic,
  version: "1.0",
  summary,
  data: Type.Object(data),
});

export const EVENTS = {
  OrderPlaced: event("hub.orders", "An order was accepted and will be processed.", {
    ...OfOrder,
    items: Type.Array(Line),
    total: Money,
    review: Type.Boolean({ description: "the fraud function did not answer in time: look at it by hand" }),
  }),
  OrderRejected: event("hub.orders", "The fraud check refused the order.", {
    ...OfOrder,
    total: Money,
    score: Type.Number(),
    reasons: Type.Array(Type.String()),
  }),
  OrderUpdated: event("hub.orders", "The status of an order changed.", {
    ...OfOrder,
    status: OrderStatus,
    previousStatus: OrderStatus,
    reason: Type.Optional(Type.String()),
  }),
  OrderCancelled: event("hub.orders", "An order was cancelled; its seats and its money go back.", {
    ...OfOrder,
    reason: Type.String(),
    refund: RefundStatus,
    items: Type.Array(SeatLine),
  }),
  OrderNudged: event("hub.orders", "An operator made the saga ask for the overdue step again.", {
    ...OfOrder,
    by: Id,
    owes: Type.String({ description: "the service that owes the step" }),
  }),
  SubscriptionActivated: event("hub.orders", "One line of an order became a running subscription.", {
    ...OfOrder,
    subscriptionId: Id,
    planId: Id,
    quantity: Type.Integer(),
    currentPeriodEnd: Time,
  }),
  PaymentProcessed: event("hub.payments", "The charge of an order succeeded.", {
    ...OfPayment,
    items: Type.Array(SeatLine, { description: "so that inventory needs no second look-up" }),
  }),
  PaymentFailed: event("hub.payments", "The order was not charged, and will not be.", {
    ...OfPayment,
    reason: Type.String({ description: "the provider's decline code, or CANCELLED" }),
  }),
  PaymentRefunded: event("hub.payments", "The charge of an order was refunded.", OfPayment),
  InventoryReserved: event("hub.inventory", "All lines of an order have their seats.", {
    ...OfOrder,
    items: Type.Array(SeatLine),
  }),
  InventoryReleased: event(
    "hub.inventory",
    "The seats of an order are free again, if it had any: then `items` has them.",
    {
      ...OfOrder,
      items: Type.Array(SeatLine),
    },
  ),
  ProductOutOfStock: event("hub.inventory", "An order asked for seats that a plan does not have.", {
    ...OfOrder,
    planId: Id,
    requested: Type.Integer(),
    available: Type.Integer(),
  }),
  InventoryUpdated: event("hub.inventory", "The availability of a plan changed.", Availability),
  NotificationSent: event("hub.notifications", "A user was notified on one channel.", {
    ...OfOrder,
    notificationId: Id,
    channel: Type.String(),
    type: Type.String(),
  }),
  NotificationFailed: event("hub.notifications", "A user could not be notified on one channel.", {
    ...OfOrder,
    notificationId: Id,
    channel: Type.String(),
    type: Type.String(),
    reason: Type.String(),
  }),
  UserRegistered: event("hub.users", "Somebody signed up.", { userId: Id, role: Role }),
  UserLoggedIn: event("hub.users", "Somebody signed in.", { userId: Id }),
  UserRoleChanged: event("hub.users", "An administrator changed a role.", { userId: Id, role: Role, by: Id }),
  UserDeleted: event("hub.users", "A user was deleted and the personal data erased.", { userId: Id, by: Id }),
  PlanPublished: event("hub.plans", "A plan is for sale.", Plan),
  PlanChanged: event("hub.plans", "Name, price, interval or seats of a plan changed.", Plan),
  ServiceStarted: event("hub.system", "A node is up.", { nodeId: Id, services: Type.Array(Type.String()) }),
  ServiceStopped: event("hub.system", "A node stopped in good order.", {
    nodeId: Id,
    services: Type.Array(Type.String()),
  }),
  ErrorOccurred: {
    ...event("hub.system", "A message was put aside as a dead letter.", {
      nodeId: Id,
      deadLetterId: Id,
      channel: Type.String(),
      reason: Type.String(),
      service: Type.Optional(Type.String({ description: "the consumer group that could not process it" })),
      orderId: Type.Optional(Id),
    }),
    version: "1.1",
  },
  DeadLetterRedriven: event("hub.system", "An operator sent a dead letter again.", {
    deadLetterId: Id,
    channel: Type.String(),
    by: Id,
    edited: Type.Array(Type.String(), {
      description: "JSON pointers of what was edited in the message; its values stay with the dead letter",
    }),
    redriveId: Type.Optional(Type.String({ description: "the redrive of many that it was part of" })),
    orderId: Type.Optional(Id),
  }),
  DeadLetterDiscarded: event("hub.system", "An operator discarded a dead letter.", {
    deadLetterId: Id,
    channel: Type.String(),
    by: Id,
    reason: Type.Optional(Type.String()),
    orderId: Type.Optional(Id),
  }),
  DependencyLost: event("hub.system", "A node cannot reach a backing service.", {
    nodeId: Id,
    dependency: Type.String(),
  }),
  DependencyRestored: event("hub.system", "A node reaches a backing service again.", {
    nodeId: Id,
    dependency: Type.String(),
  }),
} as const satisfies Record<string, { topic: Topic; version: string; summary: string; data: TObject }>;

export type EventType = keyof typeof EVENTS;
export type EventData<T extends EventType> = Static<(typeof EVENTS)[T]["data"]>;
/** Any event, told apart by `eventType`. */
export type HubEvent = { [T in EventType]: EventEnvelope<T, EventData<T>> }[EventType];
export type EventOf<T extends EventType> = Extract<HubEvent, { eventType: T }>;

export const isEventType = (type: string): type is EventType => Object.hasOwn(EVENTS, type);
