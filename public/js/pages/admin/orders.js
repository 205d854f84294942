import { h } from "../../dom.js";
import { api } from "../../api.js";
import { sentence } from "../../format.js";
import { cancelButton } from "../../components/cancel-order.js";
import { idChip } from "../../components/id.js";
import { orderColumns } from "../../components/order-columns.js";
import { emptyState } from "../../components/states.js";
import { actionsColumn, dataTable } from "../../components/table.js";
import { canCancel, watchOrder } from "../../models/orders.js";
import { planNames } from "../../models/plans.js";
import { filters } from "./filters.js";
import { adminHead } from "./tabs.js";

const PATH = "/api/admin/orders";
const STATUSES = ["PENDING", "PAID", "ACTIVE", "PAYMENT_FAILED", "REJECTED", "CANCELLED"];

export function adminOrders({ query, signal }) {
  let names = new Map();
  const cancelled = (order) => {
    table.update(order);
    watchOrder(order.id, (latest) => table.update(latest), { signal, path: PATH });
  };
  const table = dataTable({
    caption: "Orders of everybody, newest first",
    signal,
    load: async ({ after }) => {
      names = await planNames();
      return api.get(PATH, { query: { ...query, after, limit: 25 }, signal });
    },
    empty: emptyState("No orders", "No order matches."),
    columns: [
      orderColumns.lines("admin/orders", () => names),
      orderColumns.status,
      { label: "Reason", cell: (order) => (order.reason ? sentence(order.reason) : "–") },
      orderColumns.total,
      { label: "User", cell: (order) => idChip(order.userId, { label: "user id" }) },
      orderColumns.placed,
      orderColumns.id,
      actionsColumn(
        (order) => canCancel(order) && cancelButton(order, cancelled, { path: PATH, small: true }),
      ),
    ],
  });
  return [
    adminHead("/admin/orders", "All orders"),
    h(
      "div",
      { class: "stack" },
      filters("/admin/orders", query, [
        {
          label: "Status",
          name: "status",
          as: "select",
          options: [["", "All"], ...STATUSES.map((s) => [s, sentence(s)])],
        },
        { label: "User id", name: "userId", placeholder: "exact id" },
      ]),
      table.element,
    ),
  ];
}
