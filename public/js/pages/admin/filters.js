import { h } from "../../dom.js";
import { field } from "../../components/form.js";

/**
 * Filters over a list: the address keeps them, so they can be linked and survive going back. `fields` are
 * those of `field()`; those of `more` are folded away unless one is chosen. The page is shown again with
 * what was chosen.
 */
export function filters(path, query, fields, more = []) {
  const apply = (event) => {
    event.preventDefault();
    const chosen = new URLSearchParams();
    for (const [name, value] of new FormData(element)) if (value.trim()) chosen.set(name, value.trim());
    location.hash = chosen.size ? `${path}?${chosen}` : path;
  };
  const filled = (props) => field({ ...props, value: query[props.name] ?? "" });
  const element = h(
    "form",
    { class: "filters", role: "search", onsubmit: apply },
    fields.map(filled),
    more.length > 0 &&
      h(
        "details",
        { class: "more", open: more.some(({ name }) => query[name]) },
        h("summary", null, "More filters"),
        h("div", { class: "filters" }, more.map(filled)),
      ),
    h("button", { type: "submit", class: "btn" }, "Filter"),
    Object.keys(query).length > 0 && h("a", { class: "btn", href: `#${path}` }, "Clear"),
  );
  for (const select of element.querySelectorAll("select"))
    select.addEventListener("change", () => element.requestSubmit());
  return element;
}

/**
 * A local date and time as the instant that the hub takes. What is none is `otherwise`: as it stands, so that the
 * hub refuses it.
 */
export const toInstant = (local, otherwise = local) => {
  const at = new Date(local ?? "");
  return Number.isNaN(at.getTime()) ? otherwise : at.toISOString();
};
