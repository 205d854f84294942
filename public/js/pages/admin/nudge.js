import { h } from "../../dom.js";
import { api } from "../../api.js";
import { toast } from "../../components/toast.js";

/** The button that has an order's step asked for again; it needs no question, since it does nothing twice. */
export function nudgeButton(order, done, { small = false } = {}) {
  const button = h(
    "button",
    { type: "button", class: `btn${small ? " small" : ""}`, "aria-label": `Nudge order ${order.id}` },
    "Nudge",
  );
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await api.post(`/api/admin/orders/${encodeURIComponent(order.id)}/nudge`);
      toast({ title: "Asked again", body: "The step is asked for under the same id.", tone: "good" });
      done(answer);
    } catch (error) {
      toast({ title: "Not nudged", body: error.message, tone: "bad" });
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}
