import { h } from "../../dom.js";
import { api } from "../../api.js";
import { number, time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { idChip } from "../../components/id.js";
import { emptyState } from "../../components/states.js";
import { actionsColumn, dataTable } from "../../components/table.js";
import { askDiscard, askRedrive, watchRedriven } from "../../models/dead-letters.js";
import { filters, toInstant } from "./filters.js";
import { redriveAllButton, redrivesCard } from "./redrives.js";
import { adminHead } from "./tabs.js";

const STATUSES = [
  ["", "All"],
  ["open", "Open"],
  ["redriven", "Redriven"],
  ["discarded", "Discarded"],
];
const KINDS = [
  ["", "Both"],
  ["command", "Commands"],
  ["event", "Events"],
];

export function deadLetters({ query, signal }) {
  // The address has the local time that was typed; the hub takes an instant.
  const filter = { ...query, from: toInstant(query.from), to: toInstant(query.to) };
  const table = dataTable({
    caption: "Dead letters, newest first",
    signal,
    load: ({ after }) =>
      api.get("/api/admin/dead-letters", { query: { ...filter, after, limit: 25 }, signal }),
    empty: Object.keys(query).length
      ? emptyState("No such dead letters", "None matches these filters.")
      : emptyState("No dead letters", "Every message that came was processed."),
    columns: [
      {
        label: "Message",
        lead: true,
        cell: (letter) =>
          h("a", { class: "row-title", href: `#/admin/dead-letters/${letter.id}` }, letter.type),
      },
      { label: "Status", cell: (letter) => badge(letter.status) },
      { label: "Reason", cell: (letter) => h("code", null, letter.reason) },
      { label: "Service", cell: (letter) => letter.service },
      { label: "Failures", class: "num", cell: (letter) => number(letter.failures) },
      { label: "Failed", cell: (letter) => time(letter.failedAt) },
      { label: "Key", cell: (letter) => idChip(letter.key, { label: "key" }) },
      actionsColumn((letter) => letter.status === "open" && buttons(letter)),
    ],
  });
  const moved = (letter) => {
    table.update(letter);
    watchRedriven(letter, table.update, { signal });
  };
  const buttons = (letter) => [
    button("Redrive", `Redrive ${letter.type}`, "btn small", () => askRedrive(letter, moved)),
    button("Discard", `Discard ${letter.type}`, "btn danger small", () => askDiscard(letter, moved)),
  ];
  const many = redrivesCard({ signal, onmove: () => table.reload() });
  return [
    adminHead("/admin/dead-letters", "Dead letters", {
      lead: "What could not be processed waits here until somebody decides.",
      actions: redriveAllButton(filter, many.follow),
    }),
    h(
      "div",
      { class: "stack" },
      filters(
        "/admin/dead-letters",
        query,
        [
          { label: "Status", name: "status", as: "select", options: STATUSES },
          { label: "Reason", name: "reason", placeholder: "PROVIDER_BROKEN" },
          { label: "Service", name: "service", placeholder: "payments" },
        ],
        [
          { label: "Kind", name: "kind", as: "select", options: KINDS },
          { label: "Type", name: "type", placeholder: "OrderPlaced" },
          { label: "Channel", name: "channel", placeholder: "payments.charge" },
          { label: "Failed from", name: "from", type: "datetime-local", step: 1 },
          { label: "Failed before", name: "to", type: "datetime-local", step: 1 },
        ],
      ),
      many.element,
      table.element,
    ),
  ];
}

const button = (text, label, classes, onclick) =>
  h("button", { type: "button", class: classes, "aria-label": label, onclick }, text);
