import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { number } from "../../format.js";
import { problem } from "../../components/form.js";
import { idChip } from "../../components/id.js";

const SHOWN = 20;

/** Holds the event store against its seals, page by page, and names what is not as it was sealed. */
export function sealsCard({ signal }) {
  const result = h("div", { role: "status" });
  const button = h("button", { type: "button", class: "btn", onclick: () => void verify() }, "Verify");

  async function verify() {
    button.disabled = true;
    const found = { seals: 0, events: 0, unsealed: 0, hash: null, flaws: [] };
    try {
      for (let after; after !== null;) {
        const page = await api.get("/api/admin/audit/verification", { query: { after }, signal });
        for (const { events, hash, flaws } of page.items) {
          found.seals++;
          found.events += events;
          found.hash = hash;
          found.flaws.push(...flaws);
        }
        found.unsealed = page.unsealed;
        after = page.next;
        put(result, h("p", { class: "muted" }, `${number(found.events)} events so far`));
      }
      put(result, outcome(found));
    } catch (error) {
      if (!signal.aborted) put(result, problem(error));
    } finally {
      button.disabled = false;
    }
  }

  return h(
    "section",
    { class: "card" },
    h("div", { class: "card-head" }, h("h2", null, "Seals"), button),
    h(
      "p",
      { class: "muted" },
      "Each event is sealed a minute or two after it came in, by a chain of hashes: a changed, missing or forged one is found.",
    ),
    result,
  );
}

function outcome({ seals, events, unsealed, hash, flaws }) {
  const young = `${number(unsealed)} too young to be sealed`;
  if (flaws.length === 0)
    return h(
      "p",
      { class: "row" },
      h("span", { class: "badge good" }, "As sealed"),
      h("span", null, `${number(events)} events under ${number(seals)} seals, ${young}`),
      hash && idChip(hash, { label: "the last hash" }),
    );
  return [
    h(
      "p",
      { class: "row" },
      h("span", { class: "badge bad" }, "Broken"),
      h("span", null, `${number(flaws.length)} of ${number(events)} events are not as sealed, ${young}`),
    ),
    h(
      "ul",
      { class: "counts" },
      flaws
        .slice(0, SHOWN)
        .map(({ kind, eventId, detail }) =>
          h(
            "li",
            null,
            h(
              "div",
              null,
              h("span", null, `${kind}: ${detail}`),
              eventId && idChip(eventId, { label: "event id" }),
            ),
          ),
        ),
    ),
  ];
}
