import { h } from "../dom.js";
import { money, sentence, time } from "../format.js";
import { lineText } from "../models/orders.js";
import { badge, refundBadge } from "./badge.js";
import { idChip } from "./id.js";

/** What an order is now, as a row of facts; each fact keeps its place whatever it says. */
export const orderFacts = (order, extra = []) =>
  h(
    "dl",
    { class: "facts" },
    [
      ["Status", badge(order.status)],
      ["Total", h("strong", null, money(order.total))],
      ["Reason", order.reason ? sentence(order.reason) : "–"],
      ["Refund", refundBadge(order.refund) ?? (order.refund ? "None" : "–")],
      ["Placed", time(order.createdAt)],
      ["Last change", time(order.updatedAt)],
      ["Order id", idChip(order.id, { label: "order id" })],
      ...extra,
    ].map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
  );

/** The lines of an order. */
export const orderLines = (order, names) =>
  h(
    "ul",
    { class: "lines" },
    order.items.map((item) =>
      h(
        "li",
        null,
        h("span", null, lineText(item, names)),
        h("span", null, money({ ...item.unitPrice, amount: item.unitPrice.amount * item.quantity })),
      ),
    ),
    h("li", { class: "total" }, h("span", null, "Total"), h("span", null, money(order.total))),
  );
