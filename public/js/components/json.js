import { h } from "../dom.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/g;

/** Data as indented JSON, its keys, strings and numbers told apart. */
export function json(value, { label = "JSON" } = {}) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const parts = [];
  let end = 0;
  if (typeof value !== "string") {
    for (const match of text.matchAll(TOKEN)) {
      parts.push(text.slice(end, match.index), span(match));
      end = match.index + match[0].length;
    }
  }
  parts.push(text.slice(end));
  return h("pre", { class: "json", tabindex: "0", "aria-label": label }, parts);
}

function span([whole, string, colon, other]) {
  if (other) return h("span", { class: "n" }, other);
  if (colon) return [h("span", { class: "k" }, string), colon];
  return h("span", { class: "s" }, whole);
}
