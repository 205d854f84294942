/**
 * Elements from data. Text is always set as text, never parsed as HTML, so nothing that a user typed can
 * become markup.
 */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: `h("a", {href: "#/", class: "x", onclick}, "text", child)`. Null and false are left out. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** The same for SVG. */
export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  element.append(...nodes(children));
  return element;
}

function setProp(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Replaces what is inside `element`. */
export function put(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

let ids = 0;
/** An id that no other element of the page has. */
export const uid = (prefix) => `${prefix}-${++ids}`;
