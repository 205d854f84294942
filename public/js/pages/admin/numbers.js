import { h } from "../../dom.js";
import { money, number, sentence } from "../../format.js";
import { meter } from "./meter.js";

const DAYS = 7;
const ROWS = 6;

const rows = (items, empty) =>
  items.length === 0
    ? h("p", { class: "muted" }, empty)
    : h(
        "ul",
        { class: "counts" },
        items.map((item) => h("li", null, h("div", null, item))),
      );

/** The money that came in, day by day (UTC), the newest first. */
export function revenueByDay(days) {
  const shown = days.slice(0, DAYS);
  const most = Math.max(1, ...shown.map(({ revenue: [first] }) => first?.amount ?? 0));
  return rows(
    shown.map(({ day, placed, revenue }) => [
      h("span", null, day, h("span", { class: "muted" }, ` · ${number(placed)} placed`)),
      h(
        "span",
        { class: "row" },
        meter((revenue[0]?.amount ?? 0) / most),
        h("span", null, revenue.length ? revenue.map(money).join(" · ") : "–"),
      ),
    ]),
    "Nothing has been ordered yet.",
  );
}

/** What is paid for, plan by plan; `names` gives the names of the plans by id. */
export function revenueByPlan(plans, names) {
  const shown = plans.slice(0, ROWS);
  const most = Math.max(1, ...shown.map(({ amount }) => amount));
  return rows(
    shown.map((plan) => [
      h(
        "span",
        null,
        names.get(plan.planId) ?? plan.planId,
        h("span", { class: "muted" }, ` × ${number(plan.quantity)}`),
      ),
      h("span", { class: "row" }, meter(plan.amount / most), h("span", null, money(plan))),
    ]),
    "Nothing is paid for yet.",
  );
}

/** Why orders ended without a subscription. */
export function failuresByReason(failures) {
  const shown = failures.slice(0, ROWS);
  const most = Math.max(1, ...shown.map(({ orders }) => orders));
  return rows(
    shown.map(({ reason, orders }) => [
      h("span", null, sentence(reason)),
      h("span", { class: "row" }, meter(orders / most, true), h("span", null, number(orders))),
    ]),
    "No order has ended without a subscription.",
  );
}

/** How many of the accepted orders ever became active; some were cancelled later. */
export function conversionOf({ placed, active, rate }) {
  return {
    text: placed ? `${Math.round(rate * 100)} %` : "–",
    note: `${number(active)} of ${number(placed)} accepted`,
  };
}
