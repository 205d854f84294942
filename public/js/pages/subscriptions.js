import { h } from "../dom.js";
import { api } from "../api.js";
import { time } from "../format.js";
import { badge } from "../components/badge.js";
import { idChip } from "../components/id.js";
import { pageHead } from "../components/page-head.js";
import { emptyState } from "../components/states.js";
import { dataTable } from "../components/table.js";
import { planNames } from "../models/plans.js";
import { live } from "../socket.js";

const CHANGES = new Set(["SubscriptionActivated", "OrderCancelled"]);

export function subscriptions({ signal }) {
  let names = new Map();
  let oldest = null;
  const table = dataTable({
    caption: "Your subscriptions, newest first",
    signal,
    load: async ({ after }) => {
      names = await planNames();
      const items = [];
      let next = after;
      // From the first page again: as far as was shown.
      do {
        const page = await api.get("/api/subscriptions", { query: { after: next, limit: 50 }, signal });
        items.push(...page.items);
        next = page.next;
      } while (!after && next && oldest && !items.some((item) => item.id === oldest.id));
      return { items, next };
    },
    onload: (items) => (oldest = items.at(-1) ?? oldest),
    empty: emptyState(
      "No subscriptions yet",
      "An order that is paid and has its seats becomes one.",
      h("a", { class: "btn primary", href: "#/plans" }, "Choose a plan"),
    ),
    columns: [
      {
        label: "Plan",
        lead: true,
        cell: (s) => h("span", { class: "row-title" }, names.get(s.planId) ?? s.planId),
      },
      { label: "Seats", class: "num", cell: (s) => String(s.quantity) },
      { label: "Status", cell: (s) => badge(s.status) },
      { label: "Paid until", cell: (s) => time(s.currentPeriodEnd, { dateOnly: true }) },
      { label: "Order", cell: (s) => h("a", { href: `#/orders/${s.orderId}` }, "Open order") },
      { label: "Id", cell: (s) => idChip(s.id, { label: "subscription id" }) },
    ],
  });
  live.addEventListener("notification", ({ detail }) => CHANGES.has(detail.type) && table.reload(), {
    signal,
  });
  return [pageHead("Subscriptions", { lead: "What your active orders gave you." }), table.element];
}
