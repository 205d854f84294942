import { h, put, uid } from "../../dom.js";
import { toInstant } from "./filters.js";

/** To the millisecond: an order takes its steps within a few. */
const instant = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

/**
 * The clock over an order: a slider over the moments when something happened, and a field for any other.
 * `show(at)` gets an ISO instant, or null for now, which is also what a `start` that is no date stands for.
 */
export function asOf({ start, show }) {
  let at = toInstant(start, null);
  let stops = [];
  const ids = [uid("slider"), uid("instant")];
  const slider = h("input", { type: "range", id: ids[0], min: 0, max: 1, step: 1, value: 1 });
  const exact = h("input", { type: "datetime-local", id: ids[1], class: "input", step: 0.001 });
  const text = h("output", { class: "small muted", for: ids.join(" ") });
  const now = h("button", { type: "button", class: "btn small" }, "Back to now");

  const tell = () => {
    const moment = at ? instant.format(new Date(at)) : "";
    put(text, at ? `The order as it was at ${moment}` : "The order as it is now");
    slider.setAttribute("aria-valuetext", moment || "now");
    now.disabled = !at;
  };
  // Where `at` stands between the stops; at the end for now.
  const slide = () => (slider.value = at ? String(stops.findLastIndex((stop) => stop <= at)) : slider.max);
  const choose = (next) => {
    at = next;
    slide();
    exact.value = at ? toLocal(at) : "";
    tell();
    void show(at);
  };
  slider.addEventListener("input", () => choose(stops[slider.valueAsNumber] ?? null));
  exact.addEventListener("change", () => choose(toInstant(exact.value, null)));
  now.addEventListener("click", () => choose(null));
  if (at) exact.value = toLocal(at);
  tell();

  return {
    element: h(
      "section",
      { class: "card", "aria-label": "Moment" },
      h("div", { class: "card-head" }, h("h2", null, "As of"), h("span", { class: "row" }, text, now)),
      h(
        "div",
        { class: "as-of" },
        h("div", { class: "field" }, h("label", { for: ids[0] }, "Step by step"), slider),
        h("div", { class: "field" }, h("label", { for: ids[1] }, "Exact moment"), exact),
      ),
    ),
    isPast: () => at !== null,
    /** The instants that the slider stops at; its last stop is now. */
    moments(list) {
      stops = [...new Set(list)].sort();
      slider.max = String(stops.length);
      slide();
      if (at) void show(at);
    },
  };
}

/** An instant as `datetime-local` wants it: local time without a zone. */
function toLocal(iso) {
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}
