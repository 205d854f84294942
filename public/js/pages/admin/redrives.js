import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { number, time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { openDialog } from "../../components/dialog.js";
import { keepingFocus } from "../../components/focus.js";
import { field, form } from "../../components/form.js";
import { toast } from "../../components/toast.js";
import { meter } from "./meter.js";

const PATH = "/api/admin/redrives";
const EVERY_MS = 1_000;
const SHOWN = 3;
const NAMES = { kind: "kind", channel: "channel", type: "type", service: "service", reason: "reason" };

/** The button that sends many letters again: all open ones that the filters of the list mean. */
export function redriveAllButton(filter, started) {
  const given = Object.fromEntries(
    Object.entries(filter).filter(([name, value]) => value && name !== "status"),
  );
  return h(
    "button",
    { type: "button", class: "btn", onclick: () => ask(given, started) },
    Object.keys(given).length > 0 ? "Redrive all of these" : "Redrive all",
  );
}

const ask = (filter, started) =>
  openDialog("Redrive many?", (close) => [
    h(
      "p",
      { class: "muted" },
      Object.keys(filter).length > 0
        ? `All open dead letters of ${textOf(filter)} are sent again, one after the other.`
        : "All open dead letters are sent again, one after the other.",
      " One that fails again is not sent a second time.",
    ),
    form(
      {
        action: "Redrive them",
        actions: h("button", { type: "button", class: "btn", onclick: close }, "Cancel"),
        async submit({ perSecond }) {
          const redrive = await api.post(PATH, { ...filter, perSecond: Number(perSecond) });
          close();
          toast({ title: "Under way", body: `${number(redrive.total)} dead letters are sent again.` });
          started();
        },
      },
      field({
        label: "Messages a second",
        name: "perSecond",
        type: "number",
        min: 1,
        max: 1000,
        step: 1,
        value: 20,
        required: true,
        autofocus: true,
        hint: "So that the service behind is not flooded: 1 to 1,000",
      }),
    ),
  ]);

/**
 * The latest redrives of many with their progress, kept up while one runs; nothing while there is none.
 * `onmove` is called when letters were sent; `follow()` looks again at once.
 */
export function redrivesCard({ signal, onmove }) {
  const rows = h("ul", { class: "redrives" });
  const element = h(
    "section",
    { class: "card", hidden: true, "aria-label": "Redrives of many" },
    h("h2", { class: "card-head" }, "Redrives"),
    rows,
  );
  let sent = null;
  let timer = 0;

  async function look() {
    clearTimeout(timer);
    let running = true;
    try {
      const { items } = await api.get(PATH, { query: { limit: SHOWN }, signal });
      if (signal.aborted) return;
      running = items.some((redrive) => redrive.status === "running");
      element.hidden = items.length === 0;
      // Nothing is drawn anew while a button has the focus, unless it has lost its sense.
      if (!rows.contains(document.activeElement) || !running)
        keepingFocus(rows, () =>
          put(
            rows,
            items.map((redrive) => row(redrive, look)),
          ),
        );
      const now = items.map(({ id, redriven, status }) => `${id} ${redriven} ${status}`).join();
      if (sent !== null && sent !== now) onmove();
      sent = now;
    } catch {
      if (signal.aborted) return;
    }
    if (running) timer = setTimeout(look, EVERY_MS);
  }
  signal.addEventListener("abort", () => clearTimeout(timer));
  void look();
  return { element, follow: look };
}

function row({ id, status, filter, redriven, total, perSecond, progress, createdAt }, look) {
  const stop = async () => {
    try {
      await api.post(`${PATH}/${encodeURIComponent(id)}/stop`);
    } catch (error) {
      toast({ title: "Not stopped", body: error.message, tone: "bad" });
    }
    void look();
  };
  const what = Object.keys(filter).length > 0 ? textOf(filter) : "all";
  return h(
    "li",
    null,
    badge(status),
    h("span", { class: "redrive-what" }, what, " ", h("span", { class: "muted small" }, time(createdAt))),
    meter(progress),
    h("span", { class: "num small" }, `${number(redriven)} of ${number(total)} · ${number(perSecond)}/s`),
    status === "running" &&
      h(
        "button",
        { type: "button", class: "btn small", "aria-label": `Stop the redrive of ${what}`, onclick: stop },
        "Stop",
      ),
  );
}

const textOf = (filter) =>
  Object.entries(filter)
    .map(([name, value]) => `${NAMES[name] ?? name} ${value}`)
    .join(", ");
