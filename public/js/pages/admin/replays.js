import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { number, time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { field, form } from "../../components/form.js";
import { idChip } from "../../components/id.js";
import { json } from "../../components/json.js";
import { emptyState, region, skeleton } from "../../components/states.js";
import { dataTable } from "../../components/table.js";
import { toInstant } from "./filters.js";
import { adminHead } from "./tabs.js";

const EVERY_MS = 1_000;

export function replays({ signal }) {
  const follow = async (id) => {
    const replay = await api.get(`/api/admin/replays/${encodeURIComponent(id)}`, { signal });
    table.update(replay);
    if (replay.status === "running" && !signal.aborted)
      setTimeout(() => follow(id).catch(() => undefined), EVERY_MS);
  };
  const table = dataTable({
    caption: "Replays, newest first",
    signal,
    load: ({ after }) => api.get("/api/admin/replays", { query: { after }, signal }),
    onload: (items) =>
      items
        .filter((item) => item.status === "running")
        .forEach((item) => void follow(item.id).catch(() => undefined)),
    empty: emptyState(
      "No replays yet",
      "A replay builds a projection again from the event store, without side effects.",
    ),
    columns: [
      { label: "Projection", lead: true, cell: (r) => h("span", { class: "row-title" }, r.projection) },
      { label: "Status", cell: (r) => (r.error ? [badge(r.status), " ", r.error] : badge(r.status)) },
      { label: "From", cell: (r) => (r.from ? time(r.from) : "the first event") },
      { label: "Progress", class: "num", cell: (r) => percent(r.progress) },
      { label: "Events", class: "num", cell: (r) => number(r.events) },
      { label: "Difference", cell: difference },
      { label: "Started", cell: (r) => time(r.startedAt) },
      { label: "Id", cell: (r) => idChip(r.id, { label: "replay id" }) },
    ],
  });
  const starter = region({
    signal,
    load: () => api.get("/api/admin/replays", { signal }),
    wait: skeleton("100%", "120px"),
    render: ({ projections }) =>
      form(
        {
          action: "Start the replay",
          submit: async ({ projection, from }) => {
            await api.post("/api/admin/replays", { projection, ...(from && { from: toInstant(from) }) });
            await table.reload();
          },
        },
        h(
          "div",
          { class: "form-row" },
          field({
            label: "Projection",
            name: "projection",
            as: "select",
            options: projections.map((p) => [p, p]),
          }),
          field({
            label: "From",
            name: "from",
            type: "datetime-local",
            step: 1,
            hint: "Empty: from the first event",
          }),
        ),
      ),
  });
  return [
    adminHead("/admin/replays", "Replays", {
      lead: "Build a read model again from history. Nobody is charged, nothing is sent.",
    }),
    put(
      h("div", { class: "stack" }),
      h("section", { class: "card", "aria-label": "New replay" }, starter.element),
      table.element,
    ),
  ];
}

const percent = (progress) => `${Math.floor(progress * 100)} %`;

/** What live and rebuilt did not agree on; the first of them open. */
function difference({ diff, differences }) {
  if (diff === null) return "–";
  if (differences === 0) return h("span", { class: "badge good" }, "None");
  return h(
    "details",
    null,
    h("summary", null, differences === 1 ? "1 key" : `${number(differences)} keys`),
    json(diff, { label: "Difference" }),
  );
}
