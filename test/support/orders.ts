import { randomUUID } from "node:crypto";
import type { Client, OrderView, Stats, StockView } from "./client";
import { waitFor } from "./wait";

/** Longer than any simulated payment method takes: `pm_sim_flaky` and `pm_sim_timeout` end within 30 s. */
const PATIENCE = { timeout: 15_000 };

export const VISA = { planId: "basic", paymentMethod: "pm_card_visa" };

/** Places an order; throws unless it is accepted. */
export async function place(client: Client, body: object = VISA): Promise<OrderView> {
  const { status, body: order } = await client.post<OrderView>("/api/orders", body);
  if (status !== 202) throw new Error(`POST /api/orders: ${status} ${JSON.stringify(order)}`);
  return order;
}

/** The order as soon as `isSo` of it; fails with the order as it was at the deadline. */
export async function orderWhen(
  client: Client,
  id: string,
  isSo: (order: OrderView) => boolean,
  patience = PATIENCE,
): Promise<OrderView> {
  let last: unknown;
  try {
    return await waitFor(async () => {
      const { body } = await client.get<OrderView>(`/api/orders/${id}`);
      last = body;
      return isSo(body) && body;
    }, patience);
  } catch {
    throw new Error(`The order did not come to what was waited for: ${JSON.stringify(last)}`);
  }
}

export const orderIs = (client: Client, id: string, status: OrderView["status"]): Promise<OrderView> =>
  orderWhen(client, id, (order) => order.status === status);

/** Nothing more happens to it by itself. */
export const isOver = ({ status, refund }: OrderView): boolean =>
  ["ACTIVE", "PAYMENT_FAILED", "REJECTED"].includes(status) ||
  (status === "CANCELLED" && refund !== "pending");

/** No order waits for its charge or its seats: cheaper to ask than all the orders. */
export async function settled(admin: Client): Promise<boolean> {
  const { body } = await admin.get<Stats>("/api/admin/stats");
  return !body.orders.PENDING && !body.orders.PAID;
}

/** Every group has done all that was sent. */
export async function isQuiet(admin: Client): Promise<boolean> {
  const { body } = await admin.get<Stats>("/api/admin/stats");
  return body.outbox.pending === 0 && Object.values(body.lag).every((lag) => lag === 0);
}

/** An order that has come to its end. */
export async function placed(client: Client, body: object = VISA): Promise<OrderView> {
  const { id } = await place(client, body);
  return orderWhen(client, id, isOver);
}

/** A new plan of its own for a test; its id. */
export async function newPlan(
  admin: Client,
  own: {
    id?: string;
    seats?: number | null;
    price?: { amount: number; currency: string };
    interval?: string;
  } = {},
): Promise<string> {
  const id = own.id ?? `plan-${randomUUID().slice(0, 8)}`;
  const body = {
    id,
    name: id,
    price: { amount: 1000, currency: "EUR" },
    interval: "month",
    seats: null,
    ...own,
  };
  const { status, body: answer } = await admin.post("/api/admin/plans", body);
  if (status !== 201) throw new Error(`POST /api/admin/plans: ${status} ${JSON.stringify(answer)}`);
  return id;
}

export async function stockOf(admin: Client, planId: string): Promise<StockView> {
  const stock = (await admin.all<StockView>("/api/admin/inventory")).find((s) => s.planId === planId);
  if (!stock) throw new Error(`There is no stock of ${planId}.`);
  return stock;
}
