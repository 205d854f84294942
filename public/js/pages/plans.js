import { h } from "../dom.js";
import { money, number } from "../format.js";
import { pageHead } from "../components/page-head.js";
import { emptyState, region, skeleton } from "../components/states.js";
import { loadPlans } from "../models/plans.js";

const FEW_SEATS = 10;

export function plans({ signal }) {
  return [
    pageHead("Plans", {
      lead: "Choose a plan. The order is accepted at once and becomes a subscription by itself.",
    }),
    region({
      signal,
      class: "plan-grid",
      load: () => loadPlans({ fresh: true }),
      wait: [1, 2, 3].map(waiting),
      render: (items) =>
        items.length
          ? items.map(card)
          : emptyState("No plans yet", "An administrator has to publish the first one."),
    }).element,
  ];
}

function card(plan) {
  const isGone = seatsLeft(plan) === 0;
  return h(
    "article",
    { class: "card plan", "aria-labelledby": `plan-${plan.id}` },
    h("h2", { id: `plan-${plan.id}` }, plan.name),
    h("p", { class: "price" }, h("strong", null, money(plan.price)), ` / ${plan.interval}`),
    h("p", { class: `seats small ${isGone ? "none" : ""}` }, seatsText(plan)),
    isGone
      ? h("button", { type: "button", class: "btn wide", disabled: true }, "Sold out")
      : h(
          "a",
          { class: "btn primary wide", href: `#/checkout?plan=${encodeURIComponent(plan.id)}` },
          "Choose",
          h("span", { class: "sr-only" }, plan.name),
        ),
  );
}

/** Seats that can still be had, or null when there is no limit (or it is not told). */
export const seatsLeft = (plan) => plan.available ?? (plan.seats === 0 ? 0 : null);

export function seatsText(plan) {
  const left = seatsLeft(plan);
  if (left === null) return plan.seats ? `${number(plan.seats)} seats` : "No limit on seats";
  if (left === 0) return "No seats left";
  return left <= FEW_SEATS
    ? `Only ${left} ${left === 1 ? "seat" : "seats"} left`
    : `${number(left)} seats left`;
}

const waiting = () =>
  h(
    "div",
    { class: "card plan" },
    h("h2", null, skeleton("50%")),
    h("p", { class: "price" }, skeleton("60%", "1.75rem")),
    h("p", { class: "seats small" }, skeleton("40%")),
    skeleton("100%", "36px"),
  );
