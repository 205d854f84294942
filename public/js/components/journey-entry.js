import { h } from "../dom.js";
import { duration, time } from "../format.js";
import { openDrawer } from "./dialog.js";
import { idChip } from "./id.js";
import { json } from "./json.js";

/** One step of the journey in the side panel: what, when, by whom, why, and its payload. */
export function openEntry({ entry, offset, cause }, { signal, opener, onclose, follow }) {
  const causeLink = () =>
    h(
      "button",
      { type: "button", class: "btn small", onclick: () => follow(cause.entry.id) },
      cause.entry.type,
    );
  const rows = [
    ["Kind", entry.kind],
    ["From", entry.source],
    ["At", [time(entry.at), h("span", { class: "muted" }, ` +${duration(offset)}`)]],
    ["Id", idChip(entry.id, { full: true })],
    cause && ["Caused by", causeLink()],
    !cause &&
      entry.causationId && ["Caused by", idChip(entry.causationId, { full: true, label: "causation id" })],
  ];
  openDrawer(
    entry.type,
    [
      h(
        "dl",
        { class: "pairs" },
        rows.filter(Boolean).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
      ),
      h("h3", null, "Payload"),
      json(entry.data ?? null, { label: "Payload" }),
    ],
    { signal, opener, onclose },
  );
}
