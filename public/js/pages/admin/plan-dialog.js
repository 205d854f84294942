import { h } from "../../dom.js";
import { api } from "../../api.js";
import { decimalsOf, money } from "../../format.js";
import { openDialog } from "../../components/dialog.js";
import { field, form } from "../../components/form.js";
import { toast } from "../../components/toast.js";

const INTERVALS = [
  ["month", "Month"],
  ["year", "Year"],
];

/** In minor units: what the hub takes. */
const DEAREST = 100_000_000;

/** Makes a plan, or changes one; `done()` when the hub has it. */
export function planDialog(plan, done) {
  openDialog(plan ? `Edit ${plan.name}` : "New plan", (close) => {
    const submit = async (values) => {
      const body = toBody(values);
      if (plan) await api.patch(`/api/admin/plans/${encodeURIComponent(plan.id)}`, body);
      else await api.post("/api/admin/plans", { id: values.id, ...body });
      close();
      toast({ title: plan ? "Plan changed" : "Plan published", body: values.name, tone: "good" });
      done();
    };
    const element = form(
      {
        submit,
        action: plan ? "Save" : "Publish",
        actions: h("button", { type: "button", class: "btn", onclick: close }, "Close"),
      },
      !plan &&
        field({
          label: "Id",
          name: "id",
          required: true,
          pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]{0,62}",
          mismatch: "Letters, digits, dots, dashes and underscores, such as team-2",
          hint: "Letters, digits, dots, dashes and underscores; it stays for ever",
        }),
      field({ label: "Name", name: "name", required: true, maxlength: 100, value: plan?.name }),
      h(
        "div",
        { class: "form-row" },
        field({
          label: "Price",
          name: "price",
          pointer: "/price/amount",
          required: true,
          inputmode: "decimal",
          pattern: "[0-9]+([.,][0-9]+)?",
          mismatch: "A number, such as 12.50",
          value: plan && typed(plan.price),
        }),
        field({
          label: "Currency",
          name: "currency",
          pointer: "/price/currency",
          required: true,
          pattern: "[A-Z]{3}",
          mismatch: "Three capital letters, such as EUR",
          hint: "Three capital letters, such as EUR",
          maxlength: 3,
          value: plan?.price.currency ?? "EUR",
        }),
        field({
          label: "Interval",
          name: "interval",
          as: "select",
          options: INTERVALS,
          value: plan?.interval ?? "month",
        }),
      ),
      field({
        label: "Seats",
        name: "seats",
        type: "number",
        min: 0,
        max: 1_000_000_000,
        step: 1,
        value: plan?.seats ?? "",
        hint: "Empty: no limit",
      }),
    );
    const { price, currency } = element.elements;
    // What is wrong with a price depends on its currency, so both are heard.
    element.addEventListener("input", () => price.setCustomValidity(flawOf(price.value, currency.value)));
    return element;
  });
}

/** The price is typed in whole units and travels in minor ones. */
function toBody({ name, price, currency, interval, seats }) {
  return {
    name,
    price: { amount: minorOf(price, currency), currency },
    interval,
    seats: seats === "" ? null : Number(seats),
  };
}

const typed = ({ amount, currency }) => {
  const decimals = decimalsOf(currency);
  return (amount / 10 ** decimals).toFixed(decimals);
};

/** By its digits, not as a fraction, which may not hold it: "12.5" of EUR is 1250. */
function minorOf(price, currency) {
  const [whole, fraction = ""] = price.split(/[.,]/);
  return Number(whole + fraction.padEnd(decimalsOf(currency), "0"));
}

/** Why a price cannot be taken, or nothing: the patterns speak of what is no price or no currency at all. */
function flawOf(price, currency) {
  if (!/^\d+([.,]\d+)?$/.test(price) || !/^[A-Z]{3}$/.test(currency)) return "";
  const decimals = decimalsOf(currency);
  if ((price.split(/[.,]/)[1] ?? "").length > decimals)
    return decimals ? `${currency} has ${decimals} decimals` : `${currency} has no decimals`;
  return minorOf(price, currency) > DEAREST ? `At most ${money({ amount: DEAREST, currency })}` : "";
}
