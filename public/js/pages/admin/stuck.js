import { h } from "../../dom.js";
import { api } from "../../api.js";
import { duration, number, sentence } from "../../format.js";
import { badge } from "../../components/badge.js";
import { cancelButton } from "../../components/cancel-order.js";
import { orderColumns } from "../../components/order-columns.js";
import { emptyState } from "../../components/states.js";
import { actionsColumn, dataTable } from "../../components/table.js";
import { canCancel, watchOrder } from "../../models/orders.js";
import { planNames } from "../../models/plans.js";
import { nudgeButton } from "./nudge.js";
import { adminHead } from "./tabs.js";

const ORDERS = "/api/admin/orders";

export function stuck({ signal }) {
  let names = new Map();
  const load = async ({ after }) => {
    names = await planNames();
    return api.get("/api/admin/stuck-orders", { query: { after, limit: 25 }, signal });
  };
  const reload = () => table.reload();
  // When the order has moved it is no longer here.
  const follow = (order) => {
    const { version } = order;
    const isOver = (latest) => latest.version !== version;
    watchOrder(order.id, (latest) => isOver(latest) && reload(), { signal, path: ORDERS, isOver });
  };
  const table = dataTable({
    caption: "Stuck orders, the longest wait first",
    signal,
    load,
    empty: emptyState("No stuck orders", "Every order has moved within its deadline."),
    columns: [
      orderColumns.lines("admin/orders", () => names),
      { label: "Status", cell: (order) => badge(order.status) },
      { label: "Waits for", cell: (order) => sentence(order.owes) },
      {
        label: "Since",
        cell: ({ waitingSince }) =>
          h(
            "time",
            { datetime: waitingSince, title: waitingSince, class: "nowrap" },
            duration(Date.now() - Date.parse(waitingSince)),
          ),
      },
      { label: "Asked again", class: "num", cell: (order) => number(order.asked) },
      { label: "Dead letter", cell: ({ deadLetter }) => letterLink(deadLetter) },
      orderColumns.id,
      actionsColumn((order) => [
        nudgeButton(order, follow, { small: true }),
        canCancel(order) && cancelButton(order, reload, { path: ORDERS, small: true }),
      ]),
    ],
  });
  return [
    adminHead("/admin/stuck", "Stuck orders", {
      lead: "Orders that wait longer than a step may take. The hub asks again by itself, unless the command lies in the dead letters; a nudge asks now.",
    }),
    table.element,
  ];
}

const letterLink = (letter) =>
  letter
    ? h(
        "a",
        { href: `#/admin/dead-letters/${letter.id}` },
        `${sentence(letter.status)}: `,
        h("code", null, letter.reason),
      )
    : "–";
