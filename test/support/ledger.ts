import type {
  Client,
  EventView,
  NotificationView,
  OrderView,
  PaymentView,
  Reconciliation,
  StockView,
} from "./client";
import { isOver } from "./orders";

/** What is wrong with the books of a hub in which nothing moves any more; all empty when all is well. */
export interface Findings {
  orders: number;
  /** Orders that were answered with 202 and are not there, or have not ended. */
  lost: string[];
  /** Orders charged more than once, or otherwise than their end asks for. */
  charges: string[];
  /** Plans whose counts do not add up to what their active orders hold. */
  seats: string[];
  /** Events that the event store lacks, has twice, or has in the wrong order. */
  events: string[];
  /** Notifications that are missing or exist twice. */
  notifications: string[];
}

/** Nothing is wrong. */
export const CLEAN = {
  lost: [],
  charges: [],
  seats: [],
  events: [],
  notifications: [],
} satisfies Partial<Findings>;

export const isClean = ({ orders: _orders, ...found }: Findings): boolean =>
  Object.values(found).every((list: string[]) => list.length === 0);

/** Ids of the accepted orders that are missing or not over. */
export async function openOrders(admin: Client, accepted: Iterable<string>): Promise<string[]> {
  const orders = await admin.all<OrderView>("/api/admin/orders");
  return unfinished(orders, accepted);
}

/** Looks at everything that the admin API shows. `customers` are those whose notifications are looked at. */
export async function audit(admin: Client, accepted: string[], customers: Client[]): Promise<Findings> {
  const orders = await admin.all<OrderView>("/api/admin/orders");
  const payments = await admin.all<PaymentView>("/api/admin/payments");
  const stocks = await admin.all<StockView>("/api/admin/inventory");
  const events = await admin.all<EventView>("/api/admin/audit");
  const { body: books } = await admin.get<Reconciliation>("/api/admin/payments/reconciliation");
  const notices: NotificationView[] = [];
  for (const customer of customers)
    notices.push(...(await customer.all<NotificationView>("/api/notifications")));
  return {
    orders: orders.length,
    lost: unfinished(orders, accepted),
    charges: [...wrongCharges(orders, payments), ...books.mismatches.map((m) => JSON.stringify(m))],
    seats: stocks.flatMap((stock) => wrongSeats(stock, orders)),
    events: wrongEvents(orders, events),
    notifications: wrongNotices(events, notices),
  };
}

function unfinished(orders: OrderView[], accepted: Iterable<string>): string[] {
  const known = new Set(orders.map(({ id }) => id));
  const lost = [...accepted].filter((id) => !known.has(id)).map((id) => `${id}: not there`);
  return [...lost, ...orders.filter((o) => !isOver(o)).map(({ id, status }) => `${id}: ${status}`)];
}

/** The payment that an order's end asks for; null: none, or one without effect. */
function paymentOf({ status, refund }: OrderView): PaymentView["status"] | null {
  if (status === "ACTIVE") return "succeeded";
  if (status === "PAYMENT_FAILED") return "failed";
  return status === "CANCELLED" && refund === "done" ? "refunded" : null;
}

function wrongCharges(orders: OrderView[], payments: PaymentView[]): string[] {
  const byOrder = new Map<string, PaymentView[]>();
  for (const payment of payments)
    byOrder.set(payment.orderId, [...(byOrder.get(payment.orderId) ?? []), payment]);
  return orders.filter(isOver).flatMap((order) => {
    const found = byOrder.get(order.id) ?? [];
    const wanted = paymentOf(order);
    const right =
      wanted === null
        ? found.every(({ status }) => status === "failed")
        : found.length === 1 && found[0]?.status === wanted;
    return right ? [] : [`${order.id} is ${order.status}, paid: ${found.map((p) => p.status).join()}`];
  });
}

function wrongSeats({ planId, seats, available, reserved }: StockView, orders: OrderView[]): string[] {
  const held = orders
    .filter(({ status }) => status === "ACTIVE")
    .flatMap(({ items }) => items.filter((item) => item.planId === planId))
    .reduce((sum, { quantity }) => sum + quantity, 0);
  const adds = seats === null || (available ?? NaN) + reserved === seats;
  const fits = seats === null || reserved <= seats;
  return adds && fits && reserved === held
    ? []
    : [`${planId}: ${available} + ${reserved} of ${seats}, active orders hold ${held}`];
}

/**
 * How often each type of event is due for an order that has ended. A refund may overtake a charge whose node
 * died before it could tell of it: then there is no PaymentProcessed.
 */
function due({ status, refund, items }: OrderView): Record<string, number> {
  const active = status === "ACTIVE";
  return {
    OrderPlaced: status === "REJECTED" ? 0 : 1,
    ...(refund !== "done" && { PaymentProcessed: active ? 1 : 0 }),
    PaymentRefunded: refund === "done" ? 1 : 0,
    OrderCancelled: status === "CANCELLED" ? 1 : 0,
    ...(active && { InventoryReserved: 1, SubscriptionActivated: items.length }),
  };
}

function wrongEvents(orders: OrderView[], events: EventView[]): string[] {
  const counts = new Map<string, number>();
  const ids = new Set<string>();
  const last = new Map<string, number>();
  const wrong: string[] = [];
  for (const { id, eventType, source, key, sequence, data } of events) {
    if (ids.has(id)) wrong.push(`${eventType} ${id}: twice`);
    ids.add(id);
    const count = `${String(data.orderId)} ${eventType}`;
    counts.set(count, (counts.get(count) ?? 0) + 1);
    const line = `${source} ${key}`;
    if (source !== "system" && sequence <= (last.get(line) ?? 0))
      wrong.push(`${eventType} of ${line}: ${sequence} after ${last.get(line)}`);
    last.set(line, sequence);
  }
  for (const order of orders.filter(isOver))
    for (const [type, number] of Object.entries(due(order))) {
      const found = counts.get(`${order.id} ${type}`) ?? 0;
      if (found !== number)
        wrong.push(`${order.id} (${order.status}): ${type} ${found} times, not ${number}`);
    }
  return wrong;
}

/** Each event that is for people, told once. */
const TELLING = ["PaymentProcessed", "PaymentRefunded", "SubscriptionActivated", "OrderCancelled"];

function wrongNotices(events: EventView[], notices: NotificationView[]): string[] {
  const count = (list: string[]) => {
    const counts = new Map<string, number>();
    for (const item of list) counts.set(item, (counts.get(item) ?? 0) + 1);
    return counts;
  };
  const told = count(
    notices.filter(({ type }) => TELLING.includes(type)).map((n) => `${n.orderId} ${n.type}`),
  );
  const happened = count(
    events
      .filter((e) => TELLING.includes(e.eventType))
      .map((e) => `${String(e.data.orderId)} ${e.eventType}`),
  );
  return [...new Set([...told.keys(), ...happened.keys()])]
    .filter((what) => told.get(what) !== happened.get(what))
    .map((what) => `${what}: told ${told.get(what) ?? 0} times, happened ${happened.get(what) ?? 0} times`);
}
