import type { Order, OrderLine } from "../../domain/order";

const line = ({ planId, quantity, unitPrice }: OrderLine) => ({ planId, quantity, unitPrice });

/** An order as the API shows it. */
export function view(order: Order) {
  const {
    _id: id,
    userId,
    status,
    items,
    total,
    reason,
    refund,
    review,
    createdAt,
    updatedAt,
    facts,
  } = order;
  return {
    id,
    userId,
    status,
    items: items.map(line),
    total,
    ...(reason && { reason }),
    ...(refund && { refund }),
    ...(review && { review }),
    createdAt,
    updatedAt,
    version: facts.length + 1,
  };
}

/** The 202, and the same again for a repeated Idempotency-Key, whatever has become of the order since. */
export const accepted = ({ _id: id, items, total, createdAt }: Order) => ({
  id,
  status: "PENDING",
  items: items.map(line),
  total,
  createdAt,
});
