import { h } from "../../dom.js";
import { time } from "../../format.js";
import { badge } from "../../components/badge.js";
import { idChip } from "../../components/id.js";

/** What happened to a letter, the newest first. */
export const historyOf = (history) =>
  h(
    "ol",
    { class: "history" },
    [...history]
      .reverse()
      .map((entry) =>
        h(
          "li",
          null,
          h("div", { class: "row" }, badge(entry.what), time(entry.at), who(entry)),
          entry.what === "failed" ? failure(entry) : entry.reason && h("p", { class: "small" }, entry.reason),
          entry.edits && h("dl", { class: "edits" }, entry.edits.map(edit)),
          entry.redriveId && h("p", { class: "small muted" }, "One of many"),
        ),
      ),
  );

const who = ({ by }) =>
  by &&
  h("span", { class: "small muted" }, "by ", by === "repl" ? "the REPL" : idChip(by, { label: "user id" }));

const failure = ({ reason, error, attempts }) =>
  h(
    "p",
    { class: "small" },
    h("code", null, reason),
    ` after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}: ${error?.message ?? ""}`,
  );

const edit = ({ pointer, before, after }) => [
  h("dt", null, h("code", null, pointer || "/")),
  h("dd", null, h("del", null, text(before)), " → ", h("ins", null, text(after))),
];

const text = (value) => (value === undefined ? "nothing" : JSON.stringify(value));
