import { h, put } from "../dom.js";
import { icon } from "./icon.js";
import { landing } from "./focus.js";
import { problem } from "./form.js";
import { toast } from "./toast.js";

/**
 * Opens a modal dialog; `build(close)` gives its content. It leaves the page when it closes, and the focus
 * goes back to what opened it, or to what is left of its row. While something in it is under way it stays as
 * it is, since that tells there how it ended.
 */
export function openDialog(title, build, { wide = false } = {}) {
  const row = document.activeElement?.closest("tr");
  const heading = h("h2", { id: "dialog-title", tabindex: "-1" }, title);
  const dialog = h("dialog", { class: `dialog${wide ? " wide" : ""}`, "aria-labelledby": "dialog-title" });
  const close = () => dialog.close();
  put(dialog, h("div", { class: "stack-s" }, heading, build(close)));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (document.activeElement === document.body) landing(row).focus({ preventScroll: true });
  });
  const hold = (event) => {
    if (!dialog.querySelector("[aria-busy=true]")) return;
    event.preventDefault();
    event.stopPropagation();
  };
  dialog.addEventListener("click", hold, { capture: true });
  dialog.addEventListener("cancel", hold);
  // Asked to cancel twice, a browser closes it all the same.
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && hold(event));
  // A click on the backdrop is a click on the dialog itself, outside its box.
  dialog.addEventListener("click", (event) => event.target === dialog && isOutside(event, dialog) && close());
  addEventListener("hashchange", close, { once: true });
  document.body.append(dialog);
  dialog.showModal();
  return close;
}

function isOutside(event, element) {
  const box = element.getBoundingClientRect();
  const { clientX: x, clientY: y } = event;
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}

/**
 * Asks before something that can't be taken back; `act` may throw an `ApiError`, which is shown in place, or
 * as a toast when the page was left meanwhile.
 */
export function confirmDialog({ title, text, action, act, back = "Back", danger = true }) {
  openDialog(title, (close) => {
    const notice = h("div", { role: "alert" });
    const button = h("button", { type: "button", class: danger ? "btn danger" : "btn primary" }, action);
    const leave = h("button", { type: "button", class: "btn", autofocus: true, onclick: close }, back);
    button.addEventListener("click", async () => {
      put(notice);
      button.setAttribute("aria-busy", "true");
      leave.disabled = true;
      try {
        await act();
        close();
      } catch (error) {
        if (notice.isConnected) put(notice, problem(error));
        else toast({ title: `Not done: ${action}`, body: error.message, tone: "bad" });
      } finally {
        button.removeAttribute("aria-busy");
        leave.disabled = false;
      }
    });
    return [h("p", { class: "muted" }, text), notice, h("div", { class: "dialog-actions" }, leave, button)];
  });
}

/** A panel at the right side that leaves the page usable; one at a time. Escape closes it. */
export function openDrawer(title, content, { signal, opener = document.activeElement, onclose } = {}) {
  closeDrawer();
  const close = () => {
    if (!drawer.isConnected) return;
    drawer.remove();
    onclose?.();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  };
  const heading = h("h2", { tabindex: "-1" }, title);
  const drawer = h(
    "aside",
    { class: "drawer", "aria-label": typeof title === "string" ? title : "Details" },
    h(
      "div",
      { class: "drawer-head" },
      heading,
      h(
        "button",
        { type: "button", class: "icon-btn", "aria-label": "Close", onclick: close },
        icon("close"),
      ),
    ),
    h("div", { class: "drawer-body" }, content),
  );
  drawer.addEventListener("keydown", (event) => event.key === "Escape" && close());
  drawer.closeDrawer = close;
  signal?.addEventListener("abort", () => drawer.remove());
  document.body.append(drawer);
  heading.focus({ preventScroll: true });
  return close;
}

export function closeDrawer() {
  document.querySelector(".drawer")?.closeDrawer();
}
