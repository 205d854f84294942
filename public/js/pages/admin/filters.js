import { h } from "../../dom.js";
import { field } from "../../components/form.js";

/**
 * Filters over a list: the address keeps them, so they can be linked and survive going back. `fields` are
 * those of `field()`; the page is shown again with what was chosen.
 */
export function filters(path, query, fields) {
  const apply = (event) => {
    event.preventDefault();
    const chosen = new URLSearchParams();
    for (const [name, value] of new FormData(element)) if (value.trim()) chosen.set(name, value.trim());
    location.hash = chosen.size ? `${path}?${chosen}` : path;
  };
  const element = h(
    "form",
    { class: "filters", role: "search", onsubmit: apply },
    fields.map((props) => field({ ...props, value: query[props.name] ?? "" })),
    h("button", { type: "submit", class: "btn" }, "Filter"),
    Object.keys(query).length > 0 && h("a", { class: "btn", href: `#${path}` }, "Clear"),
  );
  for (const select of element.querySelectorAll("select"))
    select.addEventListener("change", () => element.requestSubmit());
  return element;
}

/** A local date and time as the instant that the hub takes. */
export const toInstant = (local) => {
  const at = new Date(local ?? "");
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
};
