import { h, put } from "../dom.js";
import { duration } from "../format.js";
import { idChip } from "./id.js";
import { journey } from "./journey.js";
import { skeleton } from "./states.js";

const WAIT_MS = 500;
const LONGEST_MS = 5_000;
/** After an order is settled, its last notifications are still on their way. */
const QUIET_ROUNDS = 3;

/**
 * The journey of an order, kept up while something may still come. `load()` gives the timeline,
 * `isSettled()` says whether the order is over; `wake()` looks again at once.
 */
export function journeyCard({ load, isSettled, signal, onTimeline }) {
  const picture = journey({ signal });
  const note = h("p", { class: "small muted" }, skeleton("160px"));
  const correlation = h("span", { class: "small muted" });
  const place = h("div", { class: "journey-place", "aria-busy": "true" }, skeleton("100%", "414px"));
  let size = -1;
  let quiet = 0;
  let wait = WAIT_MS;
  let timer = 0;
  let run = 0;

  async function look() {
    clearTimeout(timer);
    const mine = ++run;
    try {
      const timeline = await load();
      if (signal.aborted || mine !== run) return;
      show(timeline);
    } catch (error) {
      if (signal.aborted || mine !== run) return;
      wait = LONGEST_MS;
      if (size < 0) put(place, h("p", { class: "notice bad" }, error.message));
    }
    if (quiet < QUIET_ROUNDS) timer = setTimeout(look, wait);
    wait = Math.min(wait * 1.4, LONGEST_MS);
  }

  function show(timeline) {
    const { entries, correlationId } = timeline;
    place.removeAttribute("aria-busy");
    if (entries.length !== size) {
      if (size <= 0) put(place, picture.element);
      size = entries.length;
      quiet = 0;
      wait = WAIT_MS;
      picture.update(entries);
      put(correlation, correlationId && ["Correlation ", idChip(correlationId, { label: "correlation id" })]);
      onTimeline?.(timeline);
    } else if (isSettled()) quiet += 1;
    const took = Date.parse(entries.at(-1)?.at) - Date.parse(entries[0]?.at);
    note.textContent = `${entries.length} steps in ${duration(took || 0)}${isSettled() ? "" : ", more to come"}`;
  }

  signal.addEventListener("abort", () => clearTimeout(timer));
  void look();
  return {
    element: h(
      "section",
      { class: "card flush", "aria-label": "Journey" },
      h("div", { class: "card-head" }, h("div", null, h("h2", null, "Journey"), note), correlation),
      place,
      h(
        "p",
        { class: "journey-key small muted", "aria-hidden": "true" },
        ["request", "command", "event", "notification"].map((kind) =>
          h("span", { class: `key ${kind}` }, kind),
        ),
      ),
    ),
    wake() {
      quiet = 0;
      wait = WAIT_MS;
      void look();
    },
  };
}
