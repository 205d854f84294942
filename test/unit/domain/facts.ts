import type { Line } from "../../../contracts/events";
import { placeOrder, recordFact, type NewOrder, type Order, type OrderFact } from "../../../domain/order";
import type { DistributiveOmit } from "../../../domain/order";
import type { Now } from "../../../domain/types";

/** The moment `seconds` after the beginning of these tests. */
export function at(seconds: number): Now {
  const ms = Date.parse("2026-01-31T12:00:00.000Z") + seconds * 1000;
  return { at: new Date(ms).toISOString(), ms };
}

export type Told = DistributiveOmit<OrderFact, "recordedAt">;

/** A fact as an event or a request brings it. */
export const fact = (type: OrderFact["type"], id: string = type): Told => {
  const known = { id, at: at(0).at };
  switch (type) {
    case "Rejected":
      return { type, score: 0.9, reasons: ["LARGE_TOTAL"], ...known };
    case "CancelRequested":
      return { type, by: "user", ...known };
    case "PaymentFailed":
      return { type, reason: "card_declined", ...known };
    case "ProductOutOfStock":
      return { type, planId: "basic", ...known };
    default:
      return { type, ...known };
  }
};

const line = (planId: string, quantity: number, amount: number): Line & { interval: "month" } => ({
  planId,
  quantity,
  unitPrice: { amount, currency: "EUR" },
  interval: "month",
});

export const NEW_ORDER: NewOrder = {
  _id: "order-1",
  userId: "user-1",
  items: [line("basic", 2, 900), line("pro", 1, 2900)],
  total: { amount: 4700, currency: "EUR" },
  paymentMethod: "pm_card_visa",
  review: false,
  correlationId: "trace-1",
  requestId: "request-1",
};

export const newOrder = (): Order => placeOrder(NEW_ORDER, at(0)).state;

/** The order after these facts, a second between each. */
export const orderAfter = (...facts: Told[]): Order =>
  facts.reduce((order, told, i) => recordFact(order, told, at(i + 1))?.state ?? order, newOrder());
