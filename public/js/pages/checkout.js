import { h, put } from "../dom.js";
import { api } from "../api.js";
import { decimalsOf, money } from "../format.js";
import { problem } from "../components/form.js";
import { pageHead } from "../components/page-head.js";
import { region, skeleton } from "../components/states.js";
import { toast } from "../components/toast.js";
import { newKey } from "../models/orders.js";
import { loadPlans } from "../models/plans.js";
import { go } from "../router.js";
import { paymentMethods } from "./payment-methods.js";
import { seatsLeft, seatsText } from "./plans.js";

/** In the currency's own units: the rule of the fraud function that the hub has by default. */
const FRAUD_TOTAL = 1_000;
const MOST = 10_000;

export function checkout({ query, signal }) {
  return [
    pageHead("Checkout", { back: { href: "#/plans", text: "Plans" } }),
    region({
      signal,
      load: () => loadPlans({ fresh: true }),
      wait: h("div", { class: "split" }, skeleton("100%", "520px"), skeleton("100%", "260px")),
      render: (plans) => orderForm(plans, query.plan, signal),
    }).element,
  ];
}

function orderForm(plans, chosen, signal) {
  const first = plans.find((plan) => plan.id === chosen);
  const quantities = new Map(plans.map((plan) => [plan.id, plan === first ? Math.min(1, most(plan)) : 0]));
  const summary = h("dl", { class: "summary" });
  const notice = h("div", { role: "alert" });
  const advice = h("div", { role: "status" });
  const button = h("button", { type: "submit", class: "btn primary wide" }, "Place the order");
  // The same order sent twice (a double click, a lost answer) is one order; a changed one gets a new key.
  let key = newKey();

  const draw = () => {
    key = newKey();
    put(notice);
    const lines = plans.filter((plan) => quantities.get(plan.id) > 0);
    const totals = totalsOf(lines, quantities);
    put(summary, summaryRows(lines, quantities, totals));
    const over = lines.filter((plan) => quantities.get(plan.id) > most(plan));
    put(advice, adviceOn(totals, over, first));
    button.disabled = totals.length !== 1 || over.length > 0;
    button.textContent = totals.length === 1 ? `Pay ${money(totals[0])}` : "Place the order";
  };

  const element = h(
    "form",
    { class: "split checkout" },
    h(
      "div",
      { class: "stack" },
      h(
        "fieldset",
        { class: "card" },
        h("legend", { class: "sr-only" }, "Plans and quantities"),
        h("h2", { class: "card-head", "aria-hidden": "true" }, "Plans"),
        plans.map((plan) => quantityRow(plan, quantities, draw)),
      ),
      paymentMethods(draw),
    ),
    h(
      "section",
      { class: "card stack-s sticky", "aria-label": "Summary" },
      h("h2", null, "Summary"),
      summary,
      advice,
      notice,
      button,
      h("p", { class: "hint" }, "Pressing twice places one order."),
    ),
  );

  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    put(notice);
    button.setAttribute("aria-busy", "true");
    const items = [...quantities]
      .filter(([, n]) => n > 0)
      .map(([planId, quantity]) => ({ planId, quantity }));
    const body = { items, paymentMethod: new FormData(element).get("paymentMethod") };
    try {
      const order = await api.post("/api/orders", body, { headers: { "idempotency-key": key } });
      // Somebody who is elsewhere by now stays there.
      if (signal.aborted) toast({ title: "Order placed", href: `#/orders/${order.id}`, tone: "good" });
      else go(`/orders/${order.id}`);
    } catch (error) {
      put(notice, problem(error), error.orderId && rejectedLink(error.orderId));
      if (error.status > 0 && error.status < 500) key = newKey();
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  draw();
  return element;
}

const rejectedLink = (id) =>
  h("p", { class: "small" }, h("a", { href: `#/orders/${id}` }, "See the rejected order"));

/** How many seats of a plan an order may have. */
const most = (plan) => Math.min(MOST, seatsLeft(plan) ?? MOST);

function quantityRow(plan, quantities, changed) {
  const left = seatsLeft(plan);
  const id = `quantity-${plan.id}`;
  const input = h("input", {
    id,
    class: "input",
    type: "number",
    inputmode: "numeric",
    min: 0,
    max: most(plan),
    step: 1,
    value: quantities.get(plan.id),
    "aria-describedby": `${id}-note`,
  });
  const set = (value) => {
    quantities.set(plan.id, Math.min(MOST, Math.max(0, Math.trunc(Number(value)) || 0)));
    changed();
  };
  const step = (by, name) =>
    h(
      "button",
      {
        type: "button",
        class: "btn step",
        "aria-label": `${name} ${plan.name}`,
        onclick: () => {
          set(Math.min(quantities.get(plan.id) + by, most(plan)));
          input.value = quantities.get(plan.id);
        },
      },
      by > 0 ? "+" : "−",
    );
  input.addEventListener("input", () => set(input.value));
  input.addEventListener("change", () => (input.value = quantities.get(plan.id)));
  return h(
    "div",
    { class: "line" },
    h(
      "div",
      null,
      h("label", { for: id }, plan.name),
      h(
        "p",
        { class: "small muted", id: `${id}-note` },
        `${money(plan.price)} / ${plan.interval}${left === null ? "" : ` · ${seatsText(plan)}`}`,
      ),
    ),
    h("div", { class: "stepper" }, step(-1, "One less of"), input, step(1, "One more of")),
  );
}

/** One total for each currency. */
function totalsOf(lines, quantities) {
  const totals = new Map();
  for (const { id, price } of lines) {
    totals.set(price.currency, (totals.get(price.currency) ?? 0) + price.amount * quantities.get(id));
  }
  return [...totals].map(([currency, amount]) => ({ currency, amount }));
}

function summaryRows(lines, quantities, totals) {
  const rows = lines.map((plan) => [
    h("dt", null, `${plan.name} × ${quantities.get(plan.id)}`),
    h("dd", null, money({ ...plan.price, amount: plan.price.amount * quantities.get(plan.id) })),
  ]);
  const total = totals.length ? totals.map(money).join(" + ") : "–";
  return [rows, h("dt", { class: "total" }, "Total"), h("dd", { class: "total" }, total)];
}

function adviceOn(totals, over, first) {
  if (over.length > 0)
    return over.map((plan) =>
      h("p", { class: "notice warn" }, `${plan.name}: ${seatsText(plan).toLowerCase()}.`),
    );
  if (totals.length === 0 && first && seatsLeft(first) === 0)
    return h("p", { class: "notice warn" }, `${first.name} is sold out.`);
  if (totals.length === 0) return h("p", { class: "hint" }, "Choose a quantity of at least one plan.");
  if (totals.length > 1) {
    return h("p", { class: "notice warn" }, "An order is in one currency: make one order for each.");
  }
  const [{ amount, currency }] = totals;
  const limit = { amount: FRAUD_TOTAL * 10 ** decimalsOf(currency), currency };
  return amount > limit.amount
    ? h("p", { class: "notice warn" }, `By default the fraud check rejects orders above ${money(limit)}.`)
    : null;
}
