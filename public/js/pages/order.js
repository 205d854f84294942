import { h, put } from "../dom.js";
import { api } from "../api.js";
import { cancelButton } from "../components/cancel-order.js";
import { keepingFocus } from "../components/focus.js";
import { journeyCard } from "../components/journey-card.js";
import { orderFacts, orderLines } from "../components/order-facts.js";
import { pageHead } from "../components/page-head.js";
import { errorState, skeleton } from "../components/states.js";
import { badge } from "../components/badge.js";
import { time } from "../format.js";
import { canCancel, isSettled, lineText, watchOrder } from "../models/orders.js";
import { all, planNames } from "../models/plans.js";

const MAY_START = new Set(["PENDING", "PAID"]);

export function order({ params, signal }) {
  const path = `/api/orders/${encodeURIComponent(params.id)}`;
  const actions = h("div", { class: "actions" });
  const facts = h("div", { class: "card order-facts", "aria-live": "polite" }, skeleton("100%", "96px"));
  const lines = h("div", null, skeleton("100%", "60px"));
  const subscriptions = h("div", null, skeleton("100%", "60px"));
  const body = h("div", { class: "stack" });
  const names = planNames();
  let latest = null;
  let entries = [];
  const isOver = (order) => isSettled(order, entries);
  let card = null;

  async function show(order) {
    if (order.version < latest.version) return;
    latest = order;
    put(facts, orderFacts(order));
    keepingFocus(actions, () => put(actions, canCancel(order) && cancelButton(order, cancelled)));
    card?.wake();
    put(lines, orderLines(order, await names));
    const given = MAY_START.has(order.status)
      ? h("p", { class: "muted small" }, "They start when the order is active.")
      : await started(order);
    // Meanwhile a later version of the order may have been shown.
    if (order === latest) put(subscriptions, given);
  }

  async function started(order) {
    const [items, plans] = await Promise.all([all("/api/subscriptions").catch(() => []), names]);
    const own = items.filter((item) => item.orderId === order.id);
    if (own.length === 0) return h("p", { class: "muted small" }, "None.");
    return h(
      "ul",
      { class: "lines" },
      own.map((item) =>
        h(
          "li",
          null,
          h("span", null, lineText(item, plans)),
          h(
            "span",
            { class: "row" },
            badge(item.status),
            item.status === "ACTIVE" && ["until ", time(item.currentPeriodEnd, { dateOnly: true })],
          ),
        ),
      ),
    );
  }

  const watch = () => watchOrder(params.id, (order) => void show(order), { signal, isOver });
  const cancelled = (order) => {
    void show(order);
    watch();
  };

  // The first answer decides between the page and "not found"; the watch takes it from there.
  const begin = async () => {
    try {
      latest = await api.get(path, { signal });
    } catch (error) {
      if (!signal.aborted)
        put(body, h("div", { class: "card" }, errorState(error, error.status !== 404 && begin)));
      return;
    }
    if (signal.aborted) return;
    card = journeyCard({
      signal,
      load: () => api.get(`${path}/timeline`, { signal }),
      isSettled: () => isOver(latest),
      onTimeline: (timeline) => (entries = timeline.entries),
    });
    put(waitingJourney, card.element);
    // An error may have stood there.
    put(body, parts);
    watch();
  };
  const waitingJourney = h("div", null, h("div", { class: "card" }, skeleton("100%", "480px")));
  const parts = [
    facts,
    waitingJourney,
    h(
      "div",
      { class: "halves" },
      h("section", { class: "card" }, h("h2", { class: "card-head" }, "Lines"), lines),
      h("section", { class: "card" }, h("h2", { class: "card-head" }, "Subscriptions"), subscriptions),
    ),
  ];
  put(body, parts);
  void begin();
  return [pageHead("Order", { back: { href: "#/orders", text: "Orders" }, actions }), body];
}
