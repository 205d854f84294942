import { h } from "../../dom.js";
import { api } from "../../api.js";
import { pageHead } from "../../components/page-head.js";

const SIMULATOR = "/admin/simulator";
const TABS = [
  ["/admin", "Overview"],
  ["/admin/orders", "Orders"],
  ["/admin/payments", "Payments"],
  ["/admin/users", "Users"],
  ["/admin/plans", "Plans and seats"],
  ["/admin/audit", "Audit"],
  ["/admin/dead-letters", "Dead letters"],
  ["/admin/stuck", "Stuck orders"],
  ["/admin/replays", "Replays"],
  [SIMULATOR, "Simulator"],
];

let answer = null;
/** Whether payments are simulated: another provider has no switch, and its path leads nowhere. */
const isSimulated = () =>
  (answer ??= api.get("/api/admin/simulator").then(
    () => true,
    (error) => {
      if (error.status !== 404) answer = null;
      return error.status !== 404;
    },
  ));

/** The head of every page of the console: its tabs, then the page's own head. */
export function adminHead(path, title, options) {
  const links = TABS.map(([to, text]) =>
    h("a", { href: `#${to}`, "aria-current": to === path ? "page" : null }, text),
  );
  void isSimulated().then((is) => {
    if (!is && path !== SIMULATOR) links.at(-1).remove();
  });
  const nav = h("nav", { class: "tabs", "aria-label": "Admin" }, links);
  // On a phone the tabs scroll: the one that is open has to be in sight.
  requestAnimationFrame(() => {
    const open = links.find((link) => link.hasAttribute("aria-current"));
    if (open) nav.scrollLeft = open.offsetLeft - nav.clientWidth / 2 + open.clientWidth / 2;
  });
  return [nav, pageHead(title, options)];
}
