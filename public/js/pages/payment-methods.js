import { h } from "../dom.js";

/** The simulated provider's methods, named as Stripe's test ones, and what each does. */
const METHODS = [
  ["pm_card_visa", "Visa", "Pays at once."],
  ["pm_card_chargeDeclined", "Card that declines", "The bank says no; the order ends as payment failed."],
  [
    "pm_card_chargeDeclinedInsufficientFunds",
    "Card without funds",
    "Declines for insufficient funds; the order ends as payment failed.",
  ],
  ["pm_sim_timeout", "Slow provider", "Answers late: the outcome is unknown at first, then it pays."],
  ["pm_sim_flaky", "Flaky provider", "Fails twice, is tried again with growing pauses, then pays."],
];

/** The choice of a payment method, each explained where it is chosen. */
export const paymentMethods = (changed) =>
  h(
    "fieldset",
    { class: "card" },
    h("legend", { class: "sr-only" }, "Payment method"),
    h("h2", { class: "card-head", "aria-hidden": "true" }, "Payment method"),
    h(
      "p",
      { class: "notice method-note" },
      "These are the methods of the simulated payment provider: no money moves there, and each shows another course of an order.",
    ),
    h(
      "div",
      { class: "methods" },
      METHODS.map(([value, name, text], i) =>
        h(
          "label",
          { class: "method" },
          h("input", { type: "radio", name: "paymentMethod", value, checked: i === 0, onchange: changed }),
          h(
            "span",
            null,
            h("strong", null, name),
            h("span", { class: "muted small" }, text),
            h("code", null, value),
          ),
        ),
      ),
    ),
  );
