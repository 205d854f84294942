import fc from "fast-check";
import type { HubEvent } from "../../../contracts/events";
import { catalogue, versionsOf } from "../../../domain/projections/catalogue";
import { dashboard, dashboardOf, type Dashboard } from "../../../domain/projections/dashboard";
import { factsBefore, withFact, type Facts, type Projection } from "../../../domain/projections/projection";

const DAY_MS = 86_400_000;
const MIDNIGHT = Date.parse("2026-01-15T00:00:00.000Z");

let count = 0;
const event = (eventType: string, at: number, data: object, own: object = {}): HubEvent =>
  ({
    eventId: `event-${++count}`,
    eventType,
    timestamp: new Date(MIDNIGHT + at).toISOString(),
    sequence: 1,
    data,
    ...own,
  }) as unknown as HubEvent;

const line = (planId: string, quantity: number, amount: number, currency = "EUR") => ({
  planId,
  quantity,
  unitPrice: { amount, currency },
});
const placed = (orderId: string, at = 0, items = [line("basic", 1, 900)]) =>
  event("OrderPlaced", at, { orderId, items });
const updated = (orderId: string, status: string, at = 1, reason?: string) =>
  event("OrderUpdated", at, { orderId, status, ...(reason && { reason }) });

/** The documents of a read model after these events. */
function told(projection: Projection, events: readonly HubEvent[], from = new Map<string, Facts>()) {
  const docs = new Map(from);
  for (const one of events) {
    const fact = projection.factOf(one);
    if (fact) docs.set(fact.key, withFact(docs.get(fact.key) ?? {}, fact));
  }
  return docs;
}

function numbersOf(docs: Map<string, Facts>): Dashboard {
  const counts = new Map<string, number>();
  for (const facts of docs.values()) {
    const cell = dashboard.cellOf?.(facts) ?? "";
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  return dashboardOf([...counts].map(([cell, n]) => ({ cell, count: n })));
}
const numbers = (...events: HubEvent[]): Dashboard => numbersOf(told(dashboard, events));

describe("the dashboard", () => {
  test("given an order that was placed and paid, it is money of the day it was paid", () => {
    const { orders, revenue, days, plans, conversion } = numbers(
      placed("a", 0, [line("pro", 2, 2900), line("basic", 1, 900)]),
      updated("a", "PAID", DAY_MS),
    );
    expect(orders).toMatchObject({ PENDING: 0, PAID: 1, ACTIVE: 0 });
    expect(revenue).toEqual([{ currency: "EUR", amount: 6700 }]);
    expect(days).toEqual([
      { day: "2026-01-16", placed: 0, active: 0, revenue: [{ currency: "EUR", amount: 6700 }] },
      { day: "2026-01-15", placed: 1, active: 0, revenue: [] },
    ]);
    expect(plans).toEqual([
      { planId: "pro", quantity: 2, currency: "EUR", amount: 5800 },
      { planId: "basic", quantity: 1, currency: "EUR", amount: 900 },
    ]);
    expect(conversion).toEqual({ placed: 1, active: 0, rate: 0 });
  });

  test("an order that was active and is cancelled has converted, and is no money", () => {
    const { orders, revenue, conversion, failures } = numbers(
      placed("a"),
      updated("a", "PAID"),
      updated("a", "ACTIVE", 2),
      updated("a", "CANCELLED", 3, "CANCELLED_BY_USER"),
    );
    expect(orders).toMatchObject({ ACTIVE: 0, CANCELLED: 1 });
    expect(revenue).toEqual([]);
    expect(conversion).toEqual({ placed: 1, active: 1, rate: 1 });
    expect(failures).toEqual([{ status: "CANCELLED", reason: "CANCELLED_BY_USER", orders: 1 }]);
  });

  test("failures are counted by their reason, and a rejected order was never accepted", () => {
    const { failures, conversion } = numbers(
      placed("a"),
      updated("a", "PAYMENT_FAILED", 1, "card_declined"),
      placed("b"),
      updated("b", "PAYMENT_FAILED", 1, "card_declined"),
      event("OrderRejected", 0, { orderId: "c" }),
    );
    expect(failures).toEqual([
      { status: "PAYMENT_FAILED", reason: "card_declined", orders: 2 },
      { status: "REJECTED", reason: "FRAUD_SUSPECTED", orders: 1 },
    ]);
    expect(conversion).toMatchObject({ placed: 2, active: 0 });
  });

  test("money of several currencies is never added up", () => {
    const { revenue } = numbers(
      placed("a", 0, [line("basic", 1, 900, "EUR")]),
      updated("a", "PAID"),
      placed("b", 0, [line("basic", 1, 800, "USD")]),
      updated("b", "ACTIVE"),
    );
    expect(revenue).toEqual([
      { currency: "EUR", amount: 900 },
      { currency: "USD", amount: 800 },
    ]);
  });

  test("what is only half known is counted as far as it is known", () => {
    expect(numbers(updated("a", "PAID"))).toMatchObject({ orders: { PAID: 1 }, revenue: [], plans: [] });
    expect(numbers(event("OrderPlaced", 0, { orderId: "a", items: [] }, { timestamp: "?" })).days).toEqual(
      [],
    );
  });
});

describe("the catalogue", () => {
  const plan = (planId: string, amount: number, sequence: number) =>
    event(
      sequence === 1 ? "PlanPublished" : "PlanChanged",
      sequence,
      { planId, name: planId, price: { amount, currency: "EUR" }, interval: "month", seats: null },
      { sequence },
    );

  test("has every version of a plan, oldest first, whatever order they came in", () => {
    const docs = told(catalogue, [
      plan("pro", 3, 3),
      plan("pro", 1, 1),
      plan("basic", 9, 1),
      plan("pro", 2, 2),
    ]);
    expect(versionsOf(docs.get("pro") ?? {}).map(({ price }) => price.amount)).toEqual([1, 2, 3]);
    expect(versionsOf(docs.get("basic") ?? {})).toHaveLength(1);
  });
});

describe("any history", () => {
  const STATUSES = ["PAID", "ACTIVE", "PAYMENT_FAILED", "CANCELLED"];
  const history = fc.array(
    fc.oneof(
      fc.record({ order: fc.nat(5), at: fc.nat(5), price: fc.nat(3) }),
      fc.record({ order: fc.nat(5), at: fc.nat(5), status: fc.constantFrom(...STATUSES) }),
    ),
    { maxLength: 40 },
  );
  const eventsOf = (steps: ({ order: number; at: number } & ({ price: number } | { status: string }))[]) =>
    steps.map((step) =>
      "price" in step
        ? placed(`order-${step.order}`, step.at * DAY_MS, [line("basic", 1, step.price)])
        : updated(`order-${step.order}`, step.status, step.at * DAY_MS, "because"),
    );
  const shuffled = fc
    .tuple(history, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })))
    .map(([steps, chance]) => {
      const events = eventsOf(steps);
      // Each once, some a second time, all in another order.
      const twice = [...events, ...events.filter((_, i) => i % 3 === 0)];
      const order = twice.map((one) => ({ one, at: chance.next().value as number }));
      return { events, other: order.sort((a, b) => a.at - b.at).map(({ one }) => one) };
    });

  test("ends the same in any order, with events twice", () => {
    fc.assert(
      fc.property(shuffled, ({ events, other }) => {
        expect(told(dashboard, other)).toEqual(told(dashboard, events));
        expect(numbersOf(told(dashboard, other))).toEqual(numbersOf(told(dashboard, events)));
      }),
    );
  });

  test("is the same when its last part is forgotten and told again", () => {
    fc.assert(
      fc.property(shuffled, fc.nat(6), ({ events, other }, day) => {
        const moment = MIDNIGHT + day * DAY_MS;
        const whole = told(dashboard, events);
        const kept = new Map(
          [...whole].flatMap(([key, facts]): [string, Facts][] => {
            const before = factsBefore(facts, moment);
            return Object.keys(before).length > 0 ? [[key, before]] : [];
          }),
        );
        const late = other.filter(({ timestamp }) => Date.parse(timestamp) >= moment);
        expect(told(dashboard, late, kept)).toEqual(whole);
      }),
    );
  });

  test("an event that is known changes nothing: the very same facts come back", () => {
    const facts = told(dashboard, [placed("a"), updated("a", "PAID")]).get("a") ?? {};
    const again = dashboard.factOf(updated("a", "PAID", 5));
    expect(again && withFact(facts, again)).toBe(facts);
  });
});
