import dayjs from "dayjs";
import utc from "dayjs/plugin/utc";
import type { EventEnvelope } from "../contracts/envelope";
import {
  ORDER_STATUSES,
  type Line,
  type OrderStatus,
  type RefundStatus,
  type SeatLine,
} from "../contracts/events";
import { derivedId } from "../contracts/ids";
import type { Money } from "../contracts/money";
import type { Decision, Draft, Now } from "./types";

dayjs.extend(utc);

/**
 * An order records facts; its status is a pure function of them, whatever order they came in. The saga is
 * in `consequences`: what each change of status asks of the other services.
 */
export type OrderFact = {
  /** The id of the event or request that brought it: the same fact twice is one fact. */
  id: string;
  /** When it happened, ISO 8601. */
  at: string;
  /** When the order learned of it, ISO 8601. */
  recordedAt: string;
} & (
  | { type: "Rejected"; score: number; reasons: string[] }
  | { type: "CancelRequested"; by: "user" | "admin" }
  | { type: "PaymentProcessed" }
  | { type: "PaymentFailed"; reason: string }
  | { type: "PaymentRefunded" }
  | { type: "InventoryReserved" }
  | { type: "InventoryReleased" }
  | { type: "ProductOutOfStock"; planId: string }
);
export type FactType = OrderFact["type"];

export interface OrderLine extends Line {
  interval: "month" | "year";
}

export interface Subscription {
  id: string;
  orderId: string;
  planId: string;
  quantity: number;
  status: "ACTIVE" | "CANCELLED";
  /** ISO 8601. */
  currentPeriodEnd: string;
}

export interface Order {
  _id: string;
  userId: string;
  items: OrderLine[];
  total: Money;
  paymentMethod: string;
  /** The fraud function did not answer in time. */
  review: boolean;
  correlationId: string;
  requestId: string;
  /** SHA-256 of the body that came with the Idempotency-Key. */
  bodyHash?: string;
  facts: OrderFact[];
  status: OrderStatus;
  reason?: string;
  refund?: RefundStatus;
  createdAt: string;
  updatedAt: string;
  /** When it became ACTIVE, ISO 8601; kept after a cancel. */
  activatedAt?: string;
  /** Since when (ms) the saga waits for its next step; unset when it is over. */
  waitingSince?: number;
  /** When (ms) the saga asks for that step again. */
  askAt?: number;
  /** How often it has asked again for the step it waits for. */
  asked?: number;
  /** Its OrderCancelled, to be told again as it was. */
  told?: Record<string, EventEnvelope>;
}

/** How long a step of the saga may take before the order counts as stuck and asks again, in milliseconds. */
export const STEP_DEADLINE_MS = 20_000;
const LONGEST_ASK_MS = 600_000;

export interface Standing {
  status: OrderStatus;
  reason?: string;
  refund?: RefundStatus;
}

/** The status that the facts give, with no regard to their order or how often each is told. */
export function standing(facts: readonly OrderFact[]): Standing {
  const fact = <T extends FactType>(type: T) =>
    facts.find((f): f is Extract<OrderFact, { type: T }> => f.type === type);
  if (fact("Rejected")) return { status: "REJECTED", reason: "FRAUD_SUSPECTED", refund: "none" };

  const cancelled = fact("CancelRequested");
  const failed = fact("PaymentFailed");
  if (cancelled || fact("ProductOutOfStock")) {
    const reason = cancelled ? `CANCELLED_BY_${cancelled.by.toUpperCase()}` : "OUT_OF_STOCK";
    const refund = fact("PaymentRefunded") ? "done" : failed ? "none" : "pending";
    return { status: "CANCELLED", reason, refund };
  }
  if (failed) return { status: "PAYMENT_FAILED", reason: failed.reason, refund: "none" };
  if (!fact("PaymentProcessed")) return { status: "PENDING" };
  return { status: fact("InventoryReserved") ? "ACTIVE" : "PAID" };
}

/** The service that owes the next step, or null when the order has arrived where it ends. */
export function owes(order: Pick<Order, "status" | "refund" | "facts">): "payments" | "inventory" | null {
  if (owedCommand(order) !== null) return "payments";
  return order.status === "PAID" || (order.status === "CANCELLED" && mayHoldSeats(order))
    ? "inventory"
    : null;
}

/** The command whose result the order waits for; null when it waits for none. */
export function owedCommand({
  status,
  refund,
}: Pick<Order, "status" | "refund">): "payments.charge" | "payments.refund" | null {
  if (status === "PENDING") return "payments.charge";
  return status === "CANCELLED" && refund === "pending" ? "payments.refund" : null;
}

/** Seats are reserved for what was paid, and the news of them may be lost: only inventory's word says that none are. */
function mayHoldSeats({ facts }: Pick<Order, "facts">): boolean {
  const has = (...types: FactType[]) => facts.some(({ type }) => types.includes(type));
  return (
    has("PaymentProcessed", "PaymentRefunded", "InventoryReserved") &&
    !has("InventoryReleased", "ProductOutOfStock")
  );
}

export const isCancellable = ({ status }: Standing): boolean =>
  status === "PENDING" || status === "PAID" || status === "ACTIVE";

/** How many orders have each status; 0 where there is none. */
export const byStatus = (counts: readonly (readonly [string, number])[]): Record<OrderStatus, number> =>
  Object.fromEntries([...ORDER_STATUSES.map((status) => [status, 0]), ...counts]) as Record<
    OrderStatus,
    number
  >;

export type NewOrder = Pick<
  Order,
  | "_id"
  | "userId"
  | "items"
  | "total"
  | "paymentMethod"
  | "review"
  | "correlationId"
  | "requestId"
  | "bodyHash"
>;

/** An accepted order: it tells that it was placed, and asks for its money. */
export function placeOrder(input: NewOrder, now: Now): Decision<Order> {
  const { _id: orderId, userId, items, total, review } = input;
  const state = waiting(
    { ...input, facts: [], status: "PENDING", createdAt: now.at, updatedAt: now.at },
    now,
  );
  const placed = { orderId, userId, items: items.map(priceLine), total, review };
  return { state, messages: [{ event: "OrderPlaced", data: placed }, charge(state)] };
}

/** An order that the fraud check refused: kept, and over. */
export function rejectOrder(
  input: NewOrder,
  fraud: { score: number; reasons: string[] },
  now: Now,
): Decision<Order> {
  const { _id: orderId, userId, total } = input;
  const fact: OrderFact = { type: "Rejected", id: input.requestId, at: now.at, recordedAt: now.at, ...fraud };
  const facts = [fact];
  const state: Order = { ...input, facts, ...standing(facts), createdAt: now.at, updatedAt: now.at };
  return { state, messages: [{ event: "OrderRejected", data: { orderId, userId, total, ...fraud } }] };
}

/** Records a fact; null when the order knows it already. */
export function recordFact(
  order: Order,
  fact: DistributiveOmit<OrderFact, "recordedAt">,
  now: Now,
): Decision<Order> | null {
  if (order.facts.some((known) => known.id === fact.id && known.type === fact.type)) return null;
  const facts = [...order.facts, { ...fact, recordedAt: now.at } as OrderFact];
  const next = standing(facts);
  const state: Order = { ...order, facts, ...next, updatedAt: now.at };
  if (next.status === "ACTIVE" && !state.activatedAt) state.activatedAt = now.at;
  const moved = next.status !== order.status || owes(state) !== owes(order);
  return { state: moved ? waiting(state, now) : state, messages: consequences(order, state) };
}

/** Cancels, at any moment before the order is over; null when it is. */
export function cancelOrder(
  order: Order,
  request: { id: string; by: "user" | "admin" },
  now: Now,
): Decision<Order> | null {
  if (!isCancellable(order)) return null;
  return recordFact(order, { type: "CancelRequested", at: now.at, ...request }, now);
}

/**
 * Asks for the overdue step again, by the same command under the same id: who has done it tells its result
 * again. That goes back to the first command of the chain, so it also heals an event that a broker lost. A
 * cancelled order tells again that it is, until its money and its seats are back.
 */
export function askAgain(order: Order, now: Now): Decision<Order> | null {
  if (owes(order) === null) return null;
  const asked = (order.asked ?? 0) + 1;
  const askAt = now.ms + Math.min(STEP_DEADLINE_MS * 2 ** asked, LONGEST_ASK_MS);
  const cancelled = order.status === "CANCELLED";
  const messages: Draft[] = [];
  if (!cancelled) messages.push(charge(order));
  else if (order.refund === "pending") messages.push(refund(order));
  // The same event, not one more: the seats go back once, and its user is told once.
  const again = cancelled ? Object.values(order.told ?? {}) : [];
  return { state: { ...order, asked, askAt }, messages, again };
}

/**
 * An operator has the saga ask now, however often it has asked before; null when nobody owes a step. The
 * saga goes on asking from its first deadline again.
 */
export function nudgeOrder(order: Order, { by }: { by: string }, now: Now): Decision<Order> | null {
  const owing = owes(order);
  const decision = askAgain(order, now);
  if (!decision || owing === null) return null;
  const { _id: orderId, userId } = order;
  return {
    ...decision,
    state: { ...decision.state, askAt: now.ms + STEP_DEADLINE_MS },
    messages: [...decision.messages, { event: "OrderNudged", data: { orderId, userId, by, owes: owing } }],
  };
}

/** The order as it was at a moment, or null when it was not there yet. */
export function asOf(order: Order, at: string): Order | null {
  const moment = Date.parse(at);
  if (moment < Date.parse(order.createdAt)) return null;
  const facts = order.facts.filter((fact) => Date.parse(fact.recordedAt) <= moment);
  const { reason: _reason, refund: _refund, activatedAt, ...rest } = order;
  const then: Order = {
    ...rest,
    facts,
    ...standing(facts),
    updatedAt: facts.at(-1)?.recordedAt ?? order.createdAt,
  };
  if (activatedAt && Date.parse(activatedAt) <= moment) then.activatedAt = activatedAt;
  return then;
}

/** One subscription for each line, once the order has been active. */
export function subscriptionsOf(order: Order): Subscription[] {
  const { _id: orderId, activatedAt } = order;
  if (!activatedAt) return [];
  return order.items.map(({ planId, quantity, interval }) => ({
    id: derivedId("subscription", orderId, planId),
    orderId,
    planId,
    quantity,
    status: order.status === "ACTIVE" ? "ACTIVE" : "CANCELLED",
    currentPeriodEnd: dayjs.utc(activatedAt).add(1, interval).toISOString(),
  }));
}

/** Lines of one plan are one line; the prices come from the catalogue. @returns null when currencies differ */
export function totalOf(items: readonly Line[]): Money | null {
  const currency = items[0]?.unitPrice.currency ?? "";
  if (items.some((line) => line.unitPrice.currency !== currency)) return null;
  return { amount: items.reduce((sum, line) => sum + line.unitPrice.amount * line.quantity, 0), currency };
}

export function mergeLines(lines: readonly SeatLine[]): SeatLine[] {
  const merged = new Map<string, SeatLine>();
  for (const { planId, quantity } of lines) {
    const known = merged.get(planId);
    merged.set(planId, { planId, quantity: quantity + (known?.quantity ?? 0) });
  }
  return [...merged.values()];
}

/** The ids of an order's commands: asked again, it is the same command. */
export const chargeId = (orderId: string): string => `charge:${orderId}`;
export const refundId = (orderId: string): string => `refund:${orderId}`;

function waiting(order: Order, now: Now): Order {
  const { waitingSince: _since, askAt: _askAt, asked: _asked, ...rest } = order;
  if (owes(rest) === null) return rest;
  return { ...rest, waitingSince: now.ms, askAt: now.ms + STEP_DEADLINE_MS };
}

/** What a change of status brings about: the saga. */
function consequences(before: Order, after: Order): Draft[] {
  if (before.status === after.status) return [];
  const { _id: orderId, userId, status, reason } = after;
  // When the news of the seats came before that of the money, both steps are told at once.
  const steps: OrderStatus[] =
    before.status === "PENDING" && status === "ACTIVE" ? ["PAID", status] : [status];
  const messages = steps.map((step, i): Draft => ({
    event: "OrderUpdated",
    data: {
      orderId,
      userId,
      status: step,
      previousStatus: steps[i - 1] ?? before.status,
      ...(reason && { reason }),
    },
  }));
  if (status === "ACTIVE")
    for (const { id: subscriptionId, planId, quantity, currentPeriodEnd } of subscriptionsOf(after))
      messages.push({
        event: "SubscriptionActivated",
        data: { orderId, userId, subscriptionId, planId, quantity, currentPeriodEnd },
      });
  if (status === "CANCELLED") {
    messages.push(cancellation(after));
    if (after.refund === "pending") messages.push(refund(after));
  }
  return messages;
}

const seatLine = ({ planId, quantity }: SeatLine): SeatLine => ({ planId, quantity });
const priceLine = ({ planId, quantity, unitPrice }: Line): Line => ({ planId, quantity, unitPrice });

function charge({ _id: orderId, userId, total, paymentMethod, items }: Order): Draft {
  const data = { orderId, userId, ...total, paymentMethod, items: items.map(seatLine) };
  return { command: "payments.charge", id: chargeId(orderId), data };
}

function refund({ _id: orderId, userId, total, reason = "" }: Order): Draft {
  return { command: "payments.refund", id: refundId(orderId), data: { orderId, userId, ...total, reason } };
}

function cancellation({ _id: orderId, userId, reason = "", refund = "none", items }: Order): Draft {
  const data = { orderId, userId, reason, refund, items: items.map(seatLine) };
  return { event: "OrderCancelled", keep: true, data };
}

export type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
