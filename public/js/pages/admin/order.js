import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { cancelButton } from "../../components/cancel-order.js";
import { idChip } from "../../components/id.js";
import { journeyCard } from "../../components/journey-card.js";
import { orderFacts, orderLines } from "../../components/order-facts.js";
import { emptyState, errorState, skeleton } from "../../components/states.js";
import { canCancel, isSettled, watchOrder } from "../../models/orders.js";
import { all, planNames } from "../../models/plans.js";
import { asOf } from "./as-of.js";
import { adminHead } from "./tabs.js";

const ORDERS = "/api/admin/orders";

/** One order of anybody, as it is or as it was at any moment. */
export function adminOrder({ params, query, signal }) {
  const path = `${ORDERS}/${encodeURIComponent(params.id)}`;
  const actions = h("div", { class: "actions" });
  const facts = h("div", { class: "card order-facts" }, skeleton("100%", "96px"));
  const lines = h("div", null, skeleton("100%", "60px"));
  const body = h("div", { class: "stack" });
  let latest = null;

  async function draw(order) {
    put(
      facts,
      orderFacts(order, [
        ["User", idChip(order.userId, { label: "user id" })],
        ["Version", String(order.version)],
      ]),
    );
    put(lines, orderLines(order, await planNames()));
  }
  const then = asOf({
    start: query.at,
    async show(at) {
      if (!at) return draw(latest);
      try {
        const past = await api.get(path, { query: { at }, signal });
        if (!signal.aborted) await draw(past);
      } catch (error) {
        if (!signal.aborted) put(facts, error.status === 404 ? notYet() : errorState(error));
      }
    },
  });
  const seen = (order) => {
    latest = order;
    put(actions, canCancel(order) && cancelButton(order, cancelled, { path: ORDERS }));
    if (!then.isPast()) void draw(order);
    card.wake();
  };
  const cancelled = (order) => {
    seen(order);
    watch();
  };
  const watch = () => watchOrder(params.id, seen, { signal, path: ORDERS });

  let card = null;
  const begin = async () => {
    try {
      latest = await api.get(path, { signal });
    } catch (error) {
      if (!signal.aborted)
        put(body, h("div", { class: "card" }, errorState(error, error.status !== 404 && begin)));
      return;
    }
    card = journeyCard({
      signal,
      load: () => timeline(params.id, signal),
      isSettled: () => isSettled(latest),
      onTimeline: ({ entries }) => then.moments(entries.map((entry) => entry.at)),
    });
    put(
      body,
      then.element,
      facts,
      card.element,
      h("section", { class: "card" }, h("h2", { class: "card-head" }, "Lines"), lines),
    );
    watch();
  };
  void begin();
  return [
    adminHead("/admin/orders", "Order", { back: { href: "#/admin/orders", text: "All orders" }, actions }),
    body,
  ];
}

const notYet = () => emptyState("Not yet", "At this moment the order had not been placed.");

/** What causes an event without being one itself: the event store has only its id. */
const CAUSES = {
  OrderPlaced: ["request", "POST /api/orders", "api"],
  OrderRejected: ["request", "POST /api/orders", "api"],
  PaymentProcessed: ["command", "payments.charge", "orders"],
  PaymentFailed: ["command", "payments.charge", "orders"],
  PaymentRefunded: ["command", "payments.refund", "orders"],
};

function causesOf(events) {
  const placed = events.find(({ eventType }) => CAUSES[eventType]?.[0] === "request");
  const known = new Set(events.map((event) => event.eventId));
  const causes = new Map();
  for (const { eventType, causationId, timestamp } of events) {
    if (!CAUSES[eventType] || known.has(causationId) || causes.has(causationId)) continue;
    const [kind, type, source] = CAUSES[eventType];
    // A charge goes out with the order; its own payload is not in the event store.
    const isCharge = type === "payments.charge" && placed;
    causes.set(causationId, {
      at: isCharge ? placed.timestamp : timestamp,
      kind,
      type,
      source,
      id: causationId,
      causationId: isCharge ? placed.causationId : null,
      data: null,
    });
  }
  return [...causes.values()];
}

/** Another's timeline is told from the event store: all that bears the order's correlation id. */
async function timeline(orderId, signal) {
  const own = await all("/api/admin/audit", { key: orderId });
  const correlationId = own[0]?.correlationId ?? null;
  if (signal.aborted || !correlationId) return { orderId, correlationId, entries: [] };
  const events = await all("/api/admin/audit", { correlationId });
  const entries = events.map((event) => ({
    at: event.timestamp,
    kind: event.eventType.startsWith("Notification") ? "notification" : "event",
    type: event.eventType,
    source: event.source,
    id: event.eventId,
    causationId: event.causationId,
    data: event.data,
  }));
  return { orderId, correlationId, entries: [...entries, ...causesOf(events)] };
}
