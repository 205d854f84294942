import { h } from "../dom.js";
import { api } from "../api.js";
import { cancelButton } from "../components/cancel-order.js";
import { orderColumns } from "../components/order-columns.js";
import { pageHead } from "../components/page-head.js";
import { emptyState } from "../components/states.js";
import { actionsColumn, dataTable } from "../components/table.js";
import { notifications } from "../models/notifications.js";
import { canCancel, isOlder, isSettled, watchOrder } from "../models/orders.js";
import { planNames } from "../models/plans.js";

export function orders({ signal }) {
  let names = new Map();
  const watched = new Set();
  let oldest = null;
  const watch = (order) => {
    if (isSettled(order) || watched.has(order.id)) return;
    watched.add(order.id);
    const seen = (latest) => {
      table.update(latest);
      if (isSettled(latest)) watched.delete(latest.id);
    };
    watchOrder(order.id, seen, { signal });
  };
  const cancelled = (order) => {
    table.update(order);
    watch(order);
  };

  const table = dataTable({
    caption: "Your orders, newest first",
    signal,
    load: async ({ after }) => {
      const [page, found] = await Promise.all([
        api.get("/api/orders", { query: { after, limit: 20 }, signal }),
        planNames(),
      ]);
      names = found;
      return page;
    },
    onload: (items) => {
      oldest = items.at(-1) ?? oldest;
      items.forEach(watch);
    },
    empty: emptyState(
      "No orders yet",
      "An order that you place appears here and is kept up by itself.",
      h("a", { class: "btn primary", href: "#/plans" }, "Choose a plan"),
    ),
    columns: [
      orderColumns.lines("orders", () => names),
      orderColumns.status,
      orderColumns.total,
      orderColumns.placed,
      orderColumns.id,
      actionsColumn((order) => canCancel(order) && cancelButton(order, cancelled, { small: true })),
    ],
  });
  // One that was placed elsewhere comes on top; one that is on a page that is not shown yet stays there.
  const arrived = async ({ orderId }) => {
    if (oldest === null) return table.reload();
    if (table.has(orderId)) return;
    const order = await api.get(`/api/orders/${encodeURIComponent(orderId)}`, { signal });
    if (isOlder(order, oldest) || table.has(order.id)) return;
    table.prepend(order);
    watch(order);
  };
  notifications.addEventListener("arrival", ({ detail }) => arrived(detail).catch(() => undefined), {
    signal,
  });
  return [
    pageHead("Orders", {
      lead: "Each one moves by itself; nothing needs a reload.",
      actions: h("a", { class: "btn primary", href: "#/plans" }, "New order"),
    }),
    table.element,
  ];
}
