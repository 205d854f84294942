import { h } from "../dom.js";
import { money, time } from "../format.js";
import { lineText } from "../models/orders.js";
import { badge, refundBadge } from "./badge.js";
import { idChip } from "./id.js";

/** The columns that lists of orders share. `names()` gives the names of the plans by id. */
export const orderColumns = {
  lines: (path, names) => ({
    label: "Order",
    lead: true,
    cell: ({ id, items }) =>
      h(
        "a",
        { class: "row-title", href: `#/${path}/${id}` },
        items.map((item) => lineText(item, names())).join(", "),
      ),
  }),
  status: {
    label: "Status",
    cell: ({ status, refund }) => h("span", { class: "row" }, badge(status), refundBadge(refund)),
  },
  total: { label: "Total", class: "num", cell: ({ total }) => money(total) },
  placed: { label: "Placed", cell: ({ createdAt }) => time(createdAt) },
  id: { label: "Id", cell: ({ id }) => idChip(id, { label: "order id" }) },
};
