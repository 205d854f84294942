import { h } from "../dom.js";
import { emptyState } from "../components/states.js";
import { pageHead } from "../components/page-head.js";

const home = () => h("a", { class: "btn", href: "#/plans" }, "To the plans");

export const notFound = () => [
  pageHead("Not found"),
  h("div", { class: "card" }, emptyState("No such page", "The address leads nowhere.", home())),
];

export const forbidden = () => [
  pageHead("Not allowed"),
  h(
    "div",
    { class: "card" },
    emptyState("For administrators", "Your account may not see this page.", home()),
  ),
];
