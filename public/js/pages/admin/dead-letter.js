import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { number, time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { keepingFocus } from "../../components/focus.js";
import { idChip } from "../../components/id.js";
import { journeyCard } from "../../components/journey-card.js";
import { json } from "../../components/json.js";
import { errorState, skeleton } from "../../components/states.js";
import { askDiscard, askRedrive, letterPath, watchRedriven } from "../../models/dead-letters.js";
import { editor } from "./dead-letter-edit.js";
import { historyOf } from "./dead-letter-history.js";
import { adminHead } from "./tabs.js";

/** One dead letter: what it was, why it failed, what was done about it, and what happened around it. */
export function deadLetter({ params, signal }) {
  const path = letterPath(params);
  const actions = h("div", { class: "actions" });
  const head = adminHead("/admin/dead-letters", "Dead letter", {
    back: { href: "#/admin/dead-letters", text: "Dead letters" },
    actions,
  });
  const body = h("div", { class: "stack", "aria-busy": "true" }, waiting());
  const places = {
    facts: h("div"),
    error: h("div"),
    payload: h("div"),
    history: h("div"),
    headers: h("div"),
  };
  let card = null;

  const load = () => api.get(path, { signal });
  const moved = (letter) => {
    show(letter);
    watchRedriven(letter, show, { signal });
  };

  function show(letter) {
    card?.wake();
    head.flat().at(-1).querySelector("h1").textContent = letter.type;
    const edit = () => put(places.payload, editor(letter, { done: moved, cancel: () => payload(letter) }));
    keepingFocus(actions, () => put(actions, letter.status === "open" && buttons(letter, { moved, edit })));
    put(places.facts, facts(letter));
    put(places.error, error(letter));
    put(places.headers, json(letter.headers, { label: "Headers" }));
    put(places.history, historyOf(letter.history ?? []));
    payload(letter);
  }
  // While somebody edits, what they typed stays.
  function payload(letter) {
    if (letter.status === "open" && places.payload.querySelector("textarea:focus")) return;
    keepingFocus(places.payload, () => put(places.payload, json(letter.payload, { label: "Payload" })));
  }

  async function begin() {
    let letter;
    try {
      letter = await load();
    } catch (failure) {
      if (signal.aborted) return;
      put(body, h("div", { class: "card" }, errorState(failure, failure.status !== 404 && begin)));
      return body.removeAttribute("aria-busy");
    }
    if (signal.aborted) return;
    const hasStory = letter.orderId || letter.correlationId;
    card = hasStory
      ? journeyCard({
          signal,
          load: () => api.get(`${path}/timeline`, { signal }),
          isSettled: () => true,
        })
      : null;
    put(
      body,
      h("div", { class: "card" }, places.facts),
      section("Why it failed", places.error),
      h("div", { class: "halves" }, section("Message", places.payload), section("History", places.history)),
      card?.element,
      section("Headers", places.headers),
    );
    show(letter);
    body.removeAttribute("aria-busy");
  }
  void begin();
  return [head, body];
}

const waiting = () => [
  h("div", { class: "card" }, skeleton("100%", "120px")),
  h("div", { class: "card" }, skeleton("100%", "160px")),
  h(
    "div",
    { class: "halves" },
    [1, 2].map(() => h("div", { class: "card" }, skeleton("100%", "320px"))),
  ),
];

const section = (title, content) =>
  h("section", { class: "card", "aria-label": title }, h("h2", { class: "card-head" }, title), content);

const buttons = (letter, { moved, edit }) => [
  h("button", { type: "button", class: "btn danger", onclick: () => askDiscard(letter, moved) }, "Discard"),
  h("button", { type: "button", class: "btn", onclick: edit }, "Edit and redrive"),
  h("button", { type: "button", class: "btn primary", onclick: () => askRedrive(letter, moved) }, "Redrive"),
];

const facts = (letter) =>
  h(
    "dl",
    { class: "facts" },
    [
      ["Status", badge(letter.status)],
      ["Reason", h("code", null, letter.reason)],
      ["Service", letter.service],
      ["Channel", letter.channel],
      ["Kind", letter.kind],
      ["Failures", number(letter.failures)],
      ["Attempts", number(letter.attempts)],
      ["First failed", time(letter.firstFailedAt)],
      ["Last failed", time(letter.failedAt)],
      ["Order", letter.orderId ? h("a", { href: `#/admin/orders/${letter.orderId}` }, "See the order") : "–"],
      ["Key", idChip(letter.key, { label: "key" })],
      ["Message id", idChip(letter.messageId, { label: "message id" })],
      ["Correlation", idChip(letter.correlationId, { label: "correlation id" })],
      ["Dead letter id", idChip(letter.id, { label: "dead letter id" })],
    ].map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
  );

const error = ({ error: { name, message, stack } }) => [
  h("p", { class: "notice bad" }, h("strong", null, name), `: ${message}`),
  stack && h("details", { class: "more" }, h("summary", null, "Stack"), json(stack, { label: "Stack" })),
];
