import { h } from "../../dom.js";
import { api } from "../../api.js";
import { time } from "../../format.js";
import { openDrawer } from "../../components/dialog.js";
import { idChip } from "../../components/id.js";
import { json } from "../../components/json.js";
import { emptyState } from "../../components/states.js";
import { dataTable } from "../../components/table.js";
import { filters, toInstant } from "./filters.js";
import { sealsCard } from "./seals.js";
import { adminHead } from "./tabs.js";

export function audit({ query, signal }) {
  const asked = { ...query, from: toInstant(query.from), to: toInstant(query.to) };
  const table = dataTable({
    caption: "Events, oldest first",
    signal,
    rows: 10,
    key: (event) => event.eventId,
    load: ({ after }) => api.get("/api/admin/audit", { query: { ...asked, after, limit: 50 }, signal }),
    empty: emptyState("No events", "No event matches."),
    columns: [
      {
        label: "Event",
        lead: true,
        cell: (event) =>
          h(
            "button",
            { type: "button", class: "clickable", onclick: () => open(event, signal) },
            event.eventType,
          ),
      },
      { label: "Time", cell: (event) => time(event.timestamp) },
      { label: "Source", cell: (event) => event.source },
      { label: "Key", cell: (event) => idChip(event.key, { label: "key" }) },
      { label: "No.", class: "num", cell: (event) => String(event.sequence) },
      {
        label: "Correlation",
        cell: (event) =>
          h(
            "span",
            { class: "row" },
            idChip(event.correlationId, { label: "correlation id" }),
            h("a", { href: link(event), "aria-label": `Trace ${event.correlationId}` }, "Trace"),
          ),
      },
    ],
  });
  return [
    adminHead("/admin/audit", "Audit", {
      lead: "Every event that the hub ever told, oldest first. Nothing here changes.",
    }),
    h(
      "div",
      { class: "stack" },
      filters("/admin/audit", query, [
        { label: "Type", name: "type", placeholder: "OrderPlaced" },
        { label: "Key", name: "key", placeholder: "id of an order, a plan, a user" },
        { label: "Correlation id", name: "correlationId" },
        { label: "From", name: "from", type: "datetime-local", step: 1 },
        { label: "To (not included)", name: "to", type: "datetime-local", step: 1 },
      ]),
      table.element,
      sealsCard({ signal }),
    ),
  ];
}

const link = (event) => `#/admin/audit?correlationId=${encodeURIComponent(event.correlationId)}`;

function open(event, signal) {
  const { data, ...envelope } = event;
  const rows = Object.entries(envelope).map(([name, value]) => [
    h("dt", null, name),
    h(
      "dd",
      null,
      /Id$|^key$/.test(name)
        ? idChip(String(value), { full: true, label: name })
        : name === "timestamp"
          ? time(value)
          : String(value),
    ),
  ]);
  openDrawer(
    event.eventType,
    [h("dl", { class: "pairs" }, rows), h("h3", null, "Data"), json(data, { label: "Data" })],
    { signal },
  );
}
