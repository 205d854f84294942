import { h } from "../../dom.js";

/** A bar filled to `part` (0 to 1), for the eye only: the number is beside it. */
export const meter = (part, full = false) =>
  h(
    "span",
    { class: "meter", "aria-hidden": "true" },
    h("span", { class: full ? "full" : null, style: { width: `${Math.round(Math.min(1, part) * 100)}%` } }),
  );
