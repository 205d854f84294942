import { h, put } from "../dom.js";
import { connection } from "../api.js";
import { fieldLine, plainFields } from "./fields.js";
import { icon } from "./icon.js";

/** Nothing here yet, and what to do about it. */
export const emptyState = (title, text, action = null) =>
  h("div", { class: "state" }, icon("box"), h("h2", null, title), h("p", null, text), action);

/** Something failed; `retry` asks again, by itself when only the connection was missing and is back. */
export function errorState(error, retry) {
  const element = h(
    "div",
    { class: "state", role: "alert" },
    icon("warn"),
    h("h2", null, error.status === 404 ? "Not found" : "This did not work"),
    h("p", null, error.message),
    plainFields(error.fields).map((field) => h("p", { class: "small" }, fieldLine(field))),
    error.code && h("p", { class: "mono small" }, error.code),
    retry && h("button", { type: "button", class: "btn", onclick: () => retry() }, "Try again"),
  );
  const again = () => element.isConnected && retry();
  if (retry && error.status === 0) connection.addEventListener("online", again, { once: true });
  return element;
}

/** A grey bar where text will be. */
export const skeleton = (width = "100%", height = "1em") =>
  h("span", { class: "skeleton", "aria-hidden": "true", style: { width, height } });

/**
 * A place that loads: the skeleton first, then `render(data)`, or the error with a button to try again.
 * `reload()` keeps what is shown until the new data is there; of two answers, that of the later question stays.
 */
export function region({ load, render, wait, signal, ...props }) {
  const element = h("div", { "aria-busy": "true", ...props }, wait);
  let run = 0;
  async function reload() {
    const mine = ++run;
    const isOld = () => signal.aborted || mine !== run;
    element.setAttribute("aria-busy", "true");
    try {
      const data = await load();
      if (!isOld()) put(element, render(data));
    } catch (error) {
      if (isOld()) return;
      if (!(error instanceof Error) || error.status === undefined) console.error(error);
      put(element, errorState(error, reload));
    } finally {
      if (!isOld()) element.removeAttribute("aria-busy");
    }
  }
  void reload();
  return { element, reload };
}
