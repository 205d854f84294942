import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { money, number, time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { idChip } from "../../components/id.js";
import { emptyState, region, skeleton } from "../../components/states.js";
import { dataTable } from "../../components/table.js";
import { filters } from "./filters.js";
import { adminHead } from "./tabs.js";

export function payments({ query, signal }) {
  const books = region({
    signal,
    load: () => api.get("/api/admin/payments/reconciliation", { signal }),
    wait: skeleton("100%", "64px"),
    render: reconciliation,
  });
  const table = dataTable({
    caption: "Payments, newest first",
    signal,
    load: ({ after }) => api.get("/api/admin/payments", { query: { ...query, after, limit: 25 }, signal }),
    empty: emptyState("No payments", "No payment matches."),
    columns: [
      { label: "Payment", lead: true, cell: (p) => idChip(p.id, { label: "payment id" }) },
      { label: "Status", cell: (p) => badge(p.status) },
      { label: "Amount", class: "num", cell: (p) => money(p) },
      { label: "Calls to the provider", class: "num", cell: (p) => number(p.attempts) },
      { label: "Made", cell: (p) => time(p.createdAt) },
      { label: "Order", cell: (p) => h("a", { href: `#/admin/orders/${p.orderId}` }, "Open order") },
    ],
  });
  const again = h("button", { type: "button", class: "btn small", onclick: books.reload }, "Compare again");
  return [
    adminHead("/admin/payments", "Payments"),
    h(
      "div",
      { class: "stack" },
      h(
        "section",
        { class: "card" },
        h("div", { class: "card-head" }, h("h2", null, "The books against the provider’s ledger"), again),
        books.element,
      ),
      filters("/admin/payments", query, [{ label: "Order id", name: "orderId", placeholder: "exact id" }]),
      table.element,
    ),
  ];
}

function reconciliation({ orders, charges, refunds, mismatches }) {
  const counts = h(
    "dl",
    { class: "facts" },
    [
      ["Orders", orders],
      ["Charges", charges],
      ["Refunds", refunds],
      ["Mismatches", mismatches.length],
    ].map(([name, count]) =>
      h("div", null, h("dt", null, name), h("dd", null, h("strong", null, number(count)))),
    ),
  );
  const verdict = mismatches.length
    ? h(
        "ul",
        { class: "notice bad" },
        mismatches.map((m) =>
          h(
            "li",
            null,
            h("a", { href: `#/admin/orders/${m.orderId}` }, m.orderId),
            `: expected ${said(m.expected)}, found ${said(m.found)}`,
          ),
        ),
      )
    : h("p", { class: "notice good" }, "They agree: every charge belongs to one order.");
  return put(h("div", { class: "stack-s" }), counts, verdict);
}

const said = (value) => (typeof value === "string" ? value : JSON.stringify(value));
