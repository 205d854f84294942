import { h } from "../dom.js";
import { api } from "../api.js";
import { confirmDialog } from "./dialog.js";

/** The button that cancels an order, after asking; `done(order)` gets the answer. */
export const cancelButton = (order, done, { path = "/api/orders", small = false } = {}) =>
  h(
    "button",
    {
      type: "button",
      class: `btn danger${small ? " small" : ""}`,
      "aria-label": `Cancel order ${order.id}`,
      onclick: () =>
        confirmDialog({
          title: "Cancel this order?",
          text: "Its seats are released and what was charged is refunded. This cannot be taken back.",
          action: "Cancel the order",
          back: "Keep it",
          act: async () => done(await api.post(`${path}/${order.id}/cancel`)),
        }),
    },
    small ? "Cancel" : "Cancel order",
  );
