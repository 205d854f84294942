import { h } from "../dom.js";
import { landing } from "./focus.js";
import { icon } from "./icon.js";

const STAY_MS = 6_000;
const LOOK_AGAIN_MS = 2_000;
const MOST = 4;

/** Whether somebody reads it, or is about to press something in it. */
const isHeld = (element) => element.matches(":hover, :focus-within");

/** A message over the page, read out politely; it moves nothing and goes by itself, unless it is held. */
export function toast({ title, body = "", href = null, tone = "" }) {
  const place = document.getElementById("toasts");
  function remove() {
    const next = element.nextElementSibling ?? element.previousElementSibling;
    // Where the pointer dismissed it, the focus would only hold the next one.
    const byKeyboard = element.querySelector(":focus-visible") !== null;
    element.remove();
    if (byKeyboard) landing(next).focus({ preventScroll: true });
  }
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
  while (place.children.length > MOST) [...place.children].find((old) => !isHeld(old)).remove();
  const leave = () => (isHeld(element) ? setTimeout(leave, LOOK_AGAIN_MS) : remove());
  setTimeout(leave, STAY_MS);
}
