import { h } from "../../dom.js";
import { money, number } from "../../format.js";
import { idChip } from "../../components/id.js";
import { actionsColumn, dataTable } from "../../components/table.js";
import { all, loadPlans } from "../../models/plans.js";
import { meter } from "./meter.js";
import { planDialog } from "./plan-dialog.js";
import { adminHead } from "./tabs.js";

export function adminPlans({ signal }) {
  const table = dataTable({
    caption: "Plans with their seats",
    signal,
    load: async () => {
      const [items, seats] = await Promise.all([loadPlans({ fresh: true }), all("/api/admin/inventory")]);
      const byPlan = new Map(seats.map((entry) => [entry.planId, entry]));
      return { items: items.map((plan) => ({ ...plan, inventory: byPlan.get(plan.id) })), next: null };
    },
    columns: [
      { label: "Plan", lead: true, cell: (plan) => h("span", { class: "row-title" }, plan.name) },
      { label: "Id", cell: (plan) => idChip(plan.id, { label: "plan id", full: true }) },
      { label: "Price", class: "num", cell: (plan) => `${money(plan.price)} / ${plan.interval}` },
      { label: "Reserved", class: "num", cell: ({ inventory }) => number(inventory?.reserved ?? 0) },
      {
        label: "Available",
        class: "num",
        cell: ({ inventory }) => (inventory?.available == null ? "no limit" : number(inventory.available)),
      },
      { label: "Seats", cell: seatsBar },
      actionsColumn((plan) =>
        h(
          "button",
          {
            type: "button",
            class: "btn small",
            "aria-label": `Edit ${plan.name}`,
            onclick: () => planDialog(plan, table.reload),
          },
          "Edit",
        ),
      ),
    ],
  });
  const create = h(
    "button",
    { type: "button", class: "btn primary", onclick: () => planDialog(null, table.reload) },
    "New plan",
  );
  return [adminHead("/admin/plans", "Plans and seats", { actions: create }), table.element];
}

function seatsBar({ seats, inventory }) {
  if (seats === null || seats === undefined) return h("span", { class: "muted" }, "no limit");
  const reserved = inventory?.reserved ?? 0;
  return h(
    "span",
    { class: "row nowrap" },
    meter(seats ? reserved / seats : 1, reserved >= seats),
    number(seats),
  );
}
