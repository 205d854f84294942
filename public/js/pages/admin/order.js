import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { cancelButton } from "../../components/cancel-order.js";
import { keepingFocus } from "../../components/focus.js";
import { idChip } from "../../components/id.js";
import { journeyCard } from "../../components/journey-card.js";
import { orderFacts, orderLines } from "../../components/order-facts.js";
import { emptyState, errorState, skeleton } from "../../components/states.js";
import { canCancel, isSettled, watchOrder } from "../../models/orders.js";
import { planNames } from "../../models/plans.js";
import { asOf } from "./as-of.js";
import { nudgeButton } from "./nudge.js";
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
  let entries = [];
  const isOver = (order) => isSettled(order, entries);

  const names = planNames();
  let run = 0;
  // Answers may overtake each other; what is drawn is the moment that was chosen last.
  async function show(at) {
    const mine = ++run;
    const isOld = () => signal.aborted || mine !== run;
    try {
      const order = at ? await api.get(path, { query: { at }, signal }) : latest;
      const lineNames = await names;
      if (isOld()) return;
      put(
        facts,
        orderFacts(order, [
          ["User", idChip(order.userId, { label: "user id" })],
          ["Version", String(order.version)],
        ]),
      );
      put(lines, orderLines(order, lineNames));
    } catch (error) {
      if (isOld()) return;
      put(facts, error.status === 404 ? notYet() : errorState(error));
      put(lines, h("p", { class: "muted small" }, "–"));
    }
  }
  const then = asOf({ start: query.at, show });
  const offer = () =>
    keepingFocus(actions, () =>
      put(
        actions,
        !isOver(latest) && nudgeButton(latest, moved),
        canCancel(latest) && cancelButton(latest, moved, { path: ORDERS }),
      ),
    );
  const seen = (order) => {
    if (order.version < latest.version) return;
    latest = order;
    offer();
    if (!then.isPast()) void show(null);
    card.wake();
  };
  const moved = (order) => {
    seen(order);
    watch();
  };
  const watch = () => watchOrder(params.id, seen, { signal, path: ORDERS, isOver });

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
      load: () => api.get(`/api/orders/${encodeURIComponent(params.id)}/timeline`, { signal }),
      isSettled: () => isOver(latest),
      onTimeline(timeline) {
        entries = timeline.entries;
        then.moments(entries.map((entry) => entry.at));
        offer();
      },
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
