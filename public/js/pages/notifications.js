import { h, put } from "../dom.js";
import { time } from "../format.js";
import { keepingFocus } from "../components/focus.js";
import { pageHead } from "../components/page-head.js";
import { emptyState, errorState, skeleton } from "../components/states.js";
import { notifications } from "../models/notifications.js";

export function notificationsPage({ signal }) {
  const list = h("ul", { class: "notes", "aria-label": "Notifications, newest first" });
  const all = h(
    "button",
    { type: "button", class: "btn", onclick: () => notifications.markAllRead().catch(() => undefined) },
    "Mark all read",
  );
  const card = h("div", { class: "card flush" });
  const draw = () => {
    all.disabled = notifications.unread === 0;
    if (notifications.error)
      return put(
        card,
        errorState(notifications.error, () => notifications.load()),
      );
    if (!notifications.loaded) return put(card, waiting());
    if (notifications.items.length === 0) {
      return put(card, emptyState("Nothing yet", "What happens to your orders is told here, as it happens."));
    }
    keepingFocus(card, () => put(card, put(list, notifications.items.map(row))));
  };
  notifications.addEventListener("change", draw, { signal });
  draw();
  return [
    pageHead("Notifications", {
      actions: [h("a", { class: "btn", href: "#/account" }, "Delivery"), all],
    }),
    card,
  ];
}

function row(item) {
  const { read } = item;
  return h(
    "li",
    { class: `note${read ? "" : " unread"}` },
    h(
      "div",
      null,
      h(
        "p",
        null,
        !read && h("span", { class: "sr-only" }, "Unread: "),
        h(
          "a",
          { class: "row-title", href: `#/orders/${item.orderId}`, onclick: () => readQuietly(item) },
          item.title,
        ),
      ),
      h("p", { class: "muted small" }, item.body),
    ),
    h(
      "div",
      { class: "note-end" },
      h("span", { class: "muted small" }, time(item.createdAt)),
      !read &&
        h(
          "button",
          {
            type: "button",
            class: "btn small",
            "aria-label": `Mark read: ${item.title}`,
            onclick: () => readQuietly(item),
          },
          "Mark read",
        ),
    ),
  );
}

// A mark that did not reach the hub is no harm: it is unread again on the next visit.
const readQuietly = (item) => notifications.markRead(item).catch(() => undefined);

const waiting = () =>
  h(
    "ul",
    { class: "notes" },
    [1, 2, 3].map(() => h("li", { class: "note" }, h("div", null, skeleton("40%"), skeleton("70%")))),
  );
