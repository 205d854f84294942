import { h } from "../dom.js";

/** The head of a page: its one `h1` (which takes the focus on arrival), what it is for, what one can do. */
export const pageHead = (title, { lead = null, actions = null, back = null } = {}) =>
  h(
    "div",
    { class: "page-head" },
    h(
      "div",
      null,
      back && h("a", { class: "crumb", href: back.href }, `‹ ${back.text}`),
      h("h1", { tabindex: "-1" }, title),
      lead && h("p", { class: "lead" }, lead),
    ),
    actions && h("div", { class: "actions" }, actions),
  );
