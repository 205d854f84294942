import { h } from "../../dom.js";
import { api } from "../../api.js";
import { time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { closeDrawer, confirmDialog, openDrawer } from "../../components/dialog.js";
import { idChip } from "../../components/id.js";
import { json } from "../../components/json.js";
import { emptyState } from "../../components/states.js";
import { dataTable } from "../../components/table.js";
import { toast } from "../../components/toast.js";
import { filters } from "./filters.js";
import { adminHead } from "./tabs.js";

const STATUSES = [
  ["", "All"],
  ["open", "Open"],
  ["redriven", "Redriven"],
  ["discarded", "Discarded"],
];

export function deadLetters({ query, signal }) {
  const act = async (letter, verb, status) => {
    const answer = await api.post(`/api/admin/dead-letters/${encodeURIComponent(letter.id)}/${verb}`);
    closeDrawer();
    table.update({ ...letter, status, ...(answer?.id === letter.id ? answer : {}) });
    toast({ title: status === "redriven" ? "Sent again" : "Discarded", body: letter.type, tone: "good" });
  };
  const ask = {
    redrive: (letter) =>
      confirmDialog({
        title: `Send ${letter.type} again?`,
        text: `It goes back to ${letter.service} as it was. What it did already is not done twice.`,
        action: "Redrive",
        danger: false,
        act: () => act(letter, "redrive", "redriven"),
      }),
    discard: (letter) =>
      confirmDialog({
        title: `Discard ${letter.type}?`,
        text: "It will never be processed. An order that waits for it stays pending until it is cancelled.",
        action: "Discard",
        act: () => act(letter, "discard", "discarded"),
      }),
  };
  const table = dataTable({
    caption: "Dead letters, newest first",
    signal,
    load: ({ after }) =>
      api.get("/api/admin/dead-letters", { query: { ...query, after, limit: 25 }, signal }),
    empty: emptyState("No dead letters", "Every message that came was processed."),
    columns: [
      {
        label: "Message",
        lead: true,
        cell: (letter) =>
          h(
            "button",
            { type: "button", class: "clickable", onclick: () => open(letter, ask, signal) },
            letter.type,
          ),
      },
      { label: "Status", cell: (letter) => badge(letter.status) },
      { label: "Reason", cell: (letter) => h("code", null, letter.reason) },
      { label: "Service", cell: (letter) => letter.service },
      { label: "Attempts", class: "num", cell: (letter) => String(letter.attempts) },
      { label: "Failed", cell: (letter) => time(letter.failedAt) },
      { label: "Key", cell: (letter) => idChip(letter.key, { label: "key" }) },
      {
        label: "Actions",
        hideLabel: true,
        class: "action-cell",
        cell: (letter) => h("div", { class: "table-actions" }, buttons(letter, ask, "small")),
      },
    ],
  });
  return [
    adminHead("/admin/dead-letters", "Dead letters", {
      lead: "What could not be processed waits here until somebody decides.",
    }),
    h(
      "div",
      { class: "stack" },
      filters("/admin/dead-letters", query, [
        { label: "Status", name: "status", as: "select", options: STATUSES },
        { label: "Channel", name: "channel", placeholder: "payments.charge" },
      ]),
      table.element,
    ),
  ];
}

const buttons = (letter, ask, size = "") =>
  letter.status === "open" && [
    h(
      "button",
      {
        type: "button",
        class: `btn ${size}`,
        "aria-label": `Redrive ${letter.type}`,
        onclick: () => ask.redrive(letter),
      },
      "Redrive",
    ),
    h(
      "button",
      {
        type: "button",
        class: `btn danger ${size}`,
        "aria-label": `Discard ${letter.type}`,
        onclick: () => ask.discard(letter),
      },
      "Discard",
    ),
  ];

function open(letter, ask, signal) {
  const rows = [
    ["Status", badge(letter.status)],
    ["Reason", h("code", null, letter.reason)],
    ["Error", `${letter.error.name}: ${letter.error.message}`],
    ["Channel", letter.channel],
    ["Service", letter.service],
    ["Attempts", String(letter.attempts)],
    ["Failed", time(letter.failedAt)],
    ["Key", idChip(letter.key, { full: true, label: "key" })],
    ["Message id", idChip(letter.messageId, { full: true, label: "message id" })],
    ["Correlation", idChip(letter.correlationId, { full: true, label: "correlation id" })],
  ];
  openDrawer(
    letter.type,
    [
      h("div", { class: "row" }, buttons(letter, ask)),
      h(
        "dl",
        { class: "pairs" },
        rows.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
      ),
      h("h3", null, "Payload"),
      json(letter.payload, { label: "Payload" }),
      h("h3", null, "Headers"),
      json(letter.headers, { label: "Headers" }),
      h("h3", null, "Stack"),
      json(letter.error.stack || "–", { label: "Stack" }),
    ],
    { signal },
  );
}
