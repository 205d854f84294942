import { h } from "../dom.js";
import { icon } from "./icon.js";

const STAY_MS = 6_000;
const MOST = 4;

/** A message over the page, read out politely; it moves nothing and goes by itself. */
export function toast({ title, body = "", href = null, tone = "" }) {
  const place = document.getElementById("toasts");
  const remove = () => element.remove();
  const element = h(
    "div",
    { class: `toast ${tone}` },
    href ? h("a", { href, class: "row-title", onclick: remove }, title) : h("strong", null, title),
    body && h("p", null, body),
    h(
      "button",
      { type: "button", class: "icon-btn", "aria-label": `Dismiss: ${title}`, onclick: remove },
      icon("close"),
    ),
  );
  place.append(element);
  while (place.children.length > MOST) place.firstChild.remove();
  let timer = setTimeout(remove, STAY_MS);
  // It stays while somebody reads it.
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", () => (timer = setTimeout(remove, 2_000)));
}
