import type { CommandData } from "../contracts/commands";
import type { EventEnvelope } from "../contracts/envelope";
import type { SeatLine } from "../contracts/events";
import type { Decision, Draft, Now } from "./types";

/** One payment an order: its id is the order's, so a second charge would be a duplicate key. */
export interface Payment {
  _id: string;
  userId: string;
  amount: number;
  currency: string;
  paymentMethod: string | null;
  items: SeatLine[];
  correlationId: string;
  status: "pending" | "succeeded" | "failed" | "refunded" | "unknown";
  /** Calls to the provider that asked for the charge. */
  attempts: number;
  reason?: string;
  /** The order is over: what is not charged yet is not charged any more. */
  refundAsked?: true;
  createdAt: string;
  updatedAt: string;
  /** Outcomes that were told, to be told again as they were. */
  told?: Record<string, EventEnvelope>;
}

/** What the provider said of a charge. `unknown`: no answer in time; the same idempotency key will tell. */
export type ChargeOutcome =
  | { result: "succeeded" }
  | { result: "declined"; reason: string }
  | { result: "voided" }
  | { result: "unknown" };

/** What the provider said of a refund: money went back, or there was none and will be none. */
export type RefundOutcome = { result: "refunded" } | { result: "voided" };

export const isOpen = (payment: Payment): boolean =>
  payment.status === "pending" || payment.status === "unknown";

type Request = { orderId: string; userId: string; amount: number; currency: string };

/** A payment that nobody has asked the provider for yet. */
export function openPayment(
  { orderId, userId, amount, currency }: Request,
  correlationId: string,
  now: Now,
): Payment {
  return {
    _id: orderId,
    userId,
    amount,
    currency,
    paymentMethod: null,
    items: [],
    correlationId,
    status: "pending",
    attempts: 0,
    createdAt: now.at,
    updatedAt: now.at,
  };
}

/** Whether the provider is still to be asked for the charge. */
export const isToCharge = (payment: Payment): boolean => isOpen(payment) && !payment.refundAsked;

/** The intent, stored before the provider is asked, and counted; what came out before is told again. */
export function askCharge(
  payment: Payment | null,
  request: CommandData<"payments.charge">,
  correlationId: string,
  now: Now,
): Decision<Payment> | null {
  if (payment && !isToCharge(payment)) return tellAgain(payment);
  const { paymentMethod, items } = request;
  const open = payment ?? openPayment(request, correlationId, now);
  const state = { ...open, paymentMethod, items, attempts: open.attempts + 1, updatedAt: now.at };
  return { state, messages: [] };
}

/** Notes that the money is to go back, or never to be taken, before the provider is asked for it. */
export function askRefund(payment: Payment, now: Now): Decision<Payment> | null {
  if (payment.refundAsked || payment.status === "failed" || payment.status === "refunded")
    return tellAgain(payment);
  return { state: { ...payment, refundAsked: true, updatedAt: now.at }, messages: [] };
}

/** Tells again what came out, if anything did. */
export function tellAgain(payment: Payment): Decision<Payment> | null {
  const again = Object.values(payment.told ?? {});
  return isOpen(payment) || again.length === 0 ? null : { state: payment, messages: [], again };
}

/** Records what the provider said of the charge; an outcome that is already known stays as it is. */
export function recordCharge(payment: Payment, outcome: ChargeOutcome, now: Now): Decision<Payment> | null {
  if (!isOpen(payment)) return tellAgain(payment);
  const state: Payment = { ...payment, updatedAt: now.at };
  switch (outcome.result) {
    case "succeeded":
      return { state: { ...state, status: "succeeded" }, messages: [processed(state)] };
    case "declined":
      return failed(state, outcome.reason);
    case "voided":
      return failed(state, "CANCELLED");
    case "unknown":
      return { state: { ...state, status: "unknown" }, messages: [] };
  }
}

/** Records what the provider said of the refund. */
export function recordRefund(payment: Payment, outcome: RefundOutcome, now: Now): Decision<Payment> | null {
  if (payment.status === "refunded" || payment.status === "failed") return tellAgain(payment);
  const state: Payment = { ...payment, updatedAt: now.at };
  if (outcome.result === "voided") return failed(state, "CANCELLED");
  return { state: { ...state, status: "refunded" }, messages: [refunded(state)] };
}

function failed(payment: Payment, reason: string): Decision<Payment> {
  const state: Payment = { ...payment, status: "failed", reason };
  return { state, messages: [{ event: "PaymentFailed", keep: true, data: { ...money(state), reason } }] };
}

const money = ({ _id, userId, amount, currency }: Payment) => ({
  orderId: _id,
  userId,
  paymentId: _id,
  amount,
  currency,
});

const processed = (payment: Payment): Draft => ({
  event: "PaymentProcessed",
  keep: true,
  data: { ...money(payment), items: payment.items },
});

const refunded = (payment: Payment): Draft => ({
  event: "PaymentRefunded",
  keep: true,
  data: money(payment),
});

/** What the books and the provider's ledger each hold of one order. */
export interface BookEntry {
  orderId: string;
  status: string;
  amount: number;
}

export interface Mismatch {
  orderId: string;
  expected: string;
  found: string;
}

const show = (entry: BookEntry | undefined): string =>
  entry ? `${entry.status} ${entry.amount}` : "nothing";

/**
 * Holds the books against the ledger: each charge and refund of one must be in the other, once.
 * `expected` is what the books say, `found` what the provider says.
 */
export function reconcile(books: readonly BookEntry[], ledger: readonly BookEntry[]): Mismatch[] {
  const settled = (e: BookEntry) => e.status === "succeeded" || e.status === "refunded";
  const inBooks = new Map(books.filter(settled).map((e) => [e.orderId, e]));
  const inLedger = new Map(ledger.filter(settled).map((e) => [e.orderId, e]));
  const open = new Set(
    books.filter((e) => e.status === "pending" || e.status === "unknown").map((e) => e.orderId),
  );
  return [...new Set([...inBooks.keys(), ...inLedger.keys()])]
    .filter((orderId) => !open.has(orderId) && show(inBooks.get(orderId)) !== show(inLedger.get(orderId)))
    .map((orderId) => ({
      orderId,
      expected: show(inBooks.get(orderId)),
      found: show(inLedger.get(orderId)),
    }));
}
