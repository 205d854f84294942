import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { number } from "../../format.js";
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
    load: ({ after }) =>
      api.get("/api/admin/replays", { query: { after }, signal }).then((page) => ({ next: null, ...page })),
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
      { label: "Status", cell: (r) => badge(r.status) },
      { label: "Progress", class: "num", cell: (r) => percent(r.progress) },
      { label: "Events", class: "num", cell: (r) => number(r.events ?? 0) },
      { label: "Difference", cell: (r) => difference(r.diff) },
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

const percent = (progress) =>
  typeof progress === "number" ? `${Math.round(progress <= 1 ? progress * 100 : progress)} %` : "–";

function difference(diff) {
  if (diff === null || diff === undefined) return "–";
  const isEmpty = typeof diff === "number" ? diff === 0 : Object.keys(diff).length === 0;
  if (isEmpty) return h("span", { class: "badge good" }, "None");
  return typeof diff === "number" ? number(diff) : json(diff, { label: "Difference" });
}
