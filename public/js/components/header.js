import { h, put } from "../dom.js";
import { session } from "../session.js";
import { live } from "../socket.js";
import { notifications } from "../models/notifications.js";
import { themeToggle } from "../theme.js";
import { icon } from "./icon.js";
import { go } from "../router.js";

const LIVE_TEXT = {
  live: ["Live", "Live: changes appear by themselves"],
  waiting: ["Reconnecting", "The live line is being connected"],
};

/** The bar on top. Returns a function to call with the path of each new page. */
export function header(element) {
  const nav = h("nav", { class: "nav", "aria-label": "Main" });
  const end = h("div", { class: "bar-end" });
  const toggle = themeToggle();
  put(
    element,
    h(
      "div",
      { class: "bar" },
      h(
        "a",
        { class: "brand", href: "#/plans" },
        h("img", { src: "/favicon.svg", width: 24, height: 24, alt: "" }),
        "Subscription Hub",
      ),
      nav,
      end,
    ),
  );

  // What is drawn for a user listens beyond itself, until it is drawn anew.
  let drawn = new AbortController();
  const drawUser = () => {
    drawn.abort();
    drawn = new AbortController();
    const { signal } = drawn;
    put(nav, links());
    put(end, session.user ? [liveDot(signal), bell(signal), toggle, userMenu(signal)] : [toggle, signUp()]);
  };
  session.addEventListener("user", drawUser);
  drawUser();

  let path = "";
  const mark = (next = path) => {
    path = next;
    for (const link of nav.children) {
      const here = path === link.hash.slice(1) || path.startsWith(`${link.dataset.under}/`);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };
  session.addEventListener("user", () => mark());
  return mark;
}

function links() {
  const entries = [["#/plans", "Plans"]];
  if (session.user) entries.push(["#/orders", "Orders"], ["#/subscriptions", "Subscriptions"]);
  else entries.push(["#/sign-in", "Sign in"]);
  if (session.isAdmin) entries.push(["#/admin", "Admin"]);
  return entries.map(([href, text]) => h("a", { href, dataset: { under: href.slice(1) } }, text));
}

function liveDot(signal) {
  const text = h("span");
  const dot = h("span", { class: "live-dot" }, text);
  const draw = () => {
    const [short, title] = LIVE_TEXT[live.state] ?? ["", ""];
    dot.dataset.state = live.state;
    dot.title = title;
    text.textContent = short;
  };
  live.addEventListener("state", draw, { signal });
  draw();
  return dot;
}

function bell(signal) {
  const count = h("span", { class: "count", hidden: true, "aria-hidden": "true" });
  const link = h("a", { class: "icon-btn", href: "#/notifications" }, icon("bell"), count);
  const draw = () => {
    const { unread } = notifications;
    count.hidden = unread === 0;
    count.textContent = unread > 99 ? "99+" : String(unread);
    link.setAttribute("aria-label", unread ? `Notifications, ${unread} unread` : "Notifications");
  };
  notifications.addEventListener("change", draw, { signal });
  draw();
  return link;
}

const signUp = () => h("a", { class: "btn primary", href: "#/sign-up" }, "Sign up");

function userMenu(signal) {
  const { user } = session;
  const leave = () => {
    session.end();
    go("/sign-in");
  };
  const menu = h(
    "details",
    { class: "menu" },
    h("summary", { class: "icon-btn", "aria-label": "Account" }, icon("user")),
    h(
      "div",
      { class: "menu-body" },
      h(
        "div",
        { class: "menu-who" },
        h("strong", null, user.name || user.email),
        h("div", { class: "muted" }, user.email),
      ),
      h("a", { href: "#/account" }, "Account and delivery"),
      h("button", { type: "button", onclick: leave }, "Sign out"),
    ),
  );
  const close = () => menu.removeAttribute("open");
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    menu.firstChild.focus();
  });
  menu.addEventListener(
    "focusout",
    (event) => event.relatedTarget && !menu.contains(event.relatedTarget) && close(),
  );
  document.addEventListener("click", (event) => !menu.contains(event.target) && close(), { signal });
  addEventListener("hashchange", close, { signal });
  return menu;
}
