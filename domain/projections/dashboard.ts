import type { HubEvent, Line, OrderStatus } from "../../contracts/events";
import { byStatus } from "../order";
import type { Fact, Facts, Placed, Projection } from "./projection";

/** The highest that an order's facts reach is its status: the precedence of `standing` in `../order`. */
const RANKS: readonly OrderStatus[] = [
  "REJECTED",
  "CANCELLED",
  "PAYMENT_FAILED",
  "ACTIVE",
  "PAID",
  "PENDING",
];
const FAILED: readonly OrderStatus[] = ["REJECTED", "CANCELLED", "PAYMENT_FAILED"];
/** Whose money the hub has. */
const EARNED: readonly OrderStatus[] = ["PAID", "ACTIVE"];

/** What orders are counted by: all numbers of the dashboard follow from how many orders each cell has. */
interface Cell {
  /** UTC, `2026-01-31`; empty while nothing is known of the placing. */
  placed: string;
  status: OrderStatus;
  /** Why it failed, or empty. */
  reason: string;
  /** The UTC day of the payment, or empty. */
  paid: string;
  wasActive: boolean;
  /** `[planId, quantity, amount of one, currency]` each. */
  lines: [string, number, number, string][];
}

export interface CellCount {
  cell: string;
  count: number;
}

export interface Dashboard {
  /** How many orders have each status. */
  orders: Record<OrderStatus, number>;
  revenue: { currency: string; amount: number }[];
  /** By day (UTC), the newest first: orders by the day they were placed, revenue by the day it was paid. */
  days: { day: string; placed: number; active: number; revenue: { currency: string; amount: number }[] }[];
  /** By plan, of what is paid. */
  plans: { planId: string; quantity: number; currency: string; amount: number }[];
  /** Why orders failed, the most frequent first. */
  failures: { status: OrderStatus; reason: string; orders: number }[];
  /** Of the orders that were accepted, how many became ACTIVE; `rate` is 0 to 1. */
  conversion: { placed: number; active: number; rate: number };
}

/** The operators' numbers, one document an order. */
export const dashboard: Projection = {
  name: "dashboard",
  takes: ["OrderPlaced", "OrderRejected", "OrderUpdated"],
  factOf,
  cellOf: (facts) => encode(cellOf(facts)),
};

function factOf(event: HubEvent): Placed | null {
  const known = { id: event.eventId, at: event.timestamp };
  switch (event.eventType) {
    case "OrderPlaced":
      return of(event.data.orderId, "PENDING", { ...known, items: event.data.items });
    case "OrderRejected":
      return of(event.data.orderId, "REJECTED", { ...known, reason: "FRAUD_SUSPECTED" });
    case "OrderUpdated": {
      const { orderId, status, reason } = event.data;
      return of(orderId, status, { ...known, ...(reason && { reason }) });
    }
    default:
      return null;
  }
}

const of = (key: string, name: OrderStatus, fact: Fact): Placed => ({ key, name, fact });

function cellOf(facts: Facts): Cell {
  const status = RANKS.find((rank) => facts[rank]) ?? "PENDING";
  const { PENDING: placed, PAID: paid, REJECTED: rejected } = facts;
  const items = (placed?.items ?? []) as Line[];
  return {
    placed: dayOf(placed ?? rejected),
    status,
    reason: FAILED.includes(status) ? String(facts[status]?.reason ?? "UNKNOWN") : "",
    paid: dayOf(paid),
    wasActive: facts.ACTIVE !== undefined,
    lines: items.map(({ planId, quantity, unitPrice: { amount, currency } }) => [
      planId,
      quantity,
      amount,
      currency,
    ]),
  };
}

function dayOf(fact?: Fact): string {
  const time = Date.parse(fact?.at ?? "");
  return Number.isNaN(time) ? "" : new Date(time).toISOString().slice(0, 10);
}

const encode = ({ placed, status, reason, paid, wasActive, lines }: Cell): string =>
  JSON.stringify([placed, status, reason, paid, wasActive, lines]);

function decode(text: string): Cell {
  const [placed, status, reason, paid, wasActive, lines] = JSON.parse(text) as [
    string,
    OrderStatus,
    string,
    string,
    boolean,
    Cell["lines"],
  ];
  return { placed, status, reason, paid, wasActive, lines };
}

/** The numbers out of the counts of the cells; `days` at most. */
export function dashboardOf(cells: readonly CellCount[], days = 31): Dashboard {
  const orders = new Sums();
  const revenue = new Sums();
  const failures = new Sums();
  const placed = new Sums();
  const active = new Sums();
  const earned = new Sums();
  const plans = new Sums();
  const quantities = new Sums();
  for (const { cell, count } of cells) {
    const order = decode(cell);
    orders.add([order.status], count);
    if (order.reason) failures.add([order.status, order.reason], count);
    if (order.status !== "REJECTED") {
      placed.add([order.placed], count);
      if (order.wasActive) active.add([order.placed], count);
    }
    if (!EARNED.includes(order.status)) continue;
    for (const [planId, quantity, amount, currency] of order.lines) {
      const sum = count * quantity * amount;
      revenue.add([currency], sum);
      earned.add([order.paid, currency], sum);
      plans.add([planId, currency], sum);
      quantities.add([planId, currency], count * quantity);
    }
  }
  const all = { placed: placed.total, active: active.total };
  return {
    orders: byStatus(orders.entries().map(([[status], n]) => [status, n])),
    revenue: revenue.entries().map(([[currency = ""], amount]) => ({ currency, amount })),
    days: [...new Set([...placed.firsts(), ...earned.firsts()])]
      .filter((day) => day !== "")
      .sort()
      .reverse()
      .slice(0, days)
      .map((day) => ({
        day,
        placed: placed.of([day]),
        active: active.of([day]),
        revenue: earned
          .entries()
          .filter(([[of]]) => of === day)
          .map(([[, currency = ""], amount]) => ({ currency, amount })),
      })),
    plans: plans.entries().map(([[planId = "", currency = ""], amount]) => ({
      planId,
      quantity: quantities.of([planId, currency]),
      currency,
      amount,
    })),
    failures: failures
      .entries()
      .map(([[status, reason = ""], n]) => ({ status: status as OrderStatus, reason, orders: n })),
    conversion: { ...all, rate: all.placed > 0 ? all.active / all.placed : 0 },
  };
}

/** Sums by a key of several parts. */
class Sums {
  private readonly sums = new Map<string, { parts: string[]; sum: number }>();
  total = 0;

  add(parts: string[], by: number): void {
    const key = JSON.stringify(parts);
    const known = this.sums.get(key);
    this.total += by;
    this.sums.set(key, { parts, sum: by + (known?.sum ?? 0) });
  }

  of(parts: string[]): number {
    return this.sums.get(JSON.stringify(parts))?.sum ?? 0;
  }

  firsts(): string[] {
    return [...this.sums.values()].map(({ parts: [first = ""] }) => first);
  }

  /** The largest first; equal ones by name, so that the same facts always read the same. */
  entries(): [string[], number][] {
    return [...this.sums]
      .sort(([a, { sum: x }], [b, { sum: y }]) => y - x || (a < b ? -1 : 1))
      .map(([, { parts, sum }]) => [parts, sum]);
  }
}
