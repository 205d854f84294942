import { h } from "../../dom.js";
import { api } from "../../api.js";
import { minorUnits } from "../../format.js";
import { openDialog } from "../../components/dialog.js";
import { field, form } from "../../components/form.js";
import { toast } from "../../components/toast.js";

const INTERVALS = [
  ["month", "Month"],
  ["year", "Year"],
];

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
    return form(
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
          pattern: "[a-z0-9][a-z0-9\\-]{0,62}",
          hint: "Lower case letters, digits and dashes; it stays for ever",
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
          value: plan && String(plan.price.amount / minorUnits(plan.price.currency)),
        }),
        field({
          label: "Currency",
          name: "currency",
          pointer: "/price/currency",
          required: true,
          pattern: "[A-Z]{3}",
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
  });
}

/** The price is typed in whole units and travels in minor ones. */
function toBody({ name, price, currency, interval, seats }) {
  const amount = Math.round(Number(price.replace(",", ".")) * minorUnits(currency));
  return { name, price: { amount, currency }, interval, seats: seats === "" ? null : Number(seats) };
}
