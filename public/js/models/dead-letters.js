import { h } from "../dom.js";
import { api } from "../api.js";
import { confirmDialog, openDialog } from "../components/dialog.js";
import { field, form } from "../components/form.js";
import { toast } from "../components/toast.js";

const PATH = "/api/admin/dead-letters";
const pathOf = ({ id }, what = "") => `${PATH}/${encodeURIComponent(id)}${what}`;

/** When a letter that was sent again is looked at, in ms: it may have failed again by then. */
const LOOKS = [700, 2_000, 6_000];

/** Tells `seen(letter)` what became of a letter that was sent again. */
export function watchRedriven(letter, seen, { signal }) {
  if (letter.status !== "redriven") return;
  const look = async () => {
    try {
      seen(await api.get(pathOf(letter), { signal }));
    } catch {
      // What is shown stays.
    }
  };
  const timers = LOOKS.map((ms) => setTimeout(look, ms));
  signal.addEventListener("abort", () => timers.forEach(clearTimeout));
}

/** Sends a letter again; with `payload` in place of what it was. */
export async function redrive(letter, payload) {
  const answer = await api.post(pathOf(letter, "/redrive"), payload === undefined ? {} : { payload });
  toast({ title: "Sent again", body: letter.type, tone: "good" });
  return answer;
}

/** Asks before a letter is sent again as it was; `done(letter)` gets the answer. */
export const askRedrive = (letter, done) =>
  confirmDialog({
    title: `Send ${letter.type} again?`,
    text: `It goes back to ${letter.service} as it was. What it did already is not done twice.`,
    action: "Redrive",
    danger: false,
    act: async () => done(await redrive(letter)),
  });

/** Asks before a letter is given up, and why. */
export const askDiscard = (letter, done) =>
  openDialog(`Discard ${letter.type}?`, (close) => [
    h(
      "p",
      { class: "muted" },
      "It will not be processed. An order that waits for it stays pending until it is nudged or cancelled.",
    ),
    form(
      {
        action: "Discard",
        buttonClass: "btn danger",
        actions: h("button", { type: "button", class: "btn", onclick: close }, "Keep it"),
        async submit({ reason }) {
          const answer = await api.post(
            pathOf(letter, "/discard"),
            reason.trim() ? { reason: reason.trim() } : {},
          );
          close();
          toast({ title: "Discarded", body: letter.type, tone: "good" });
          done(answer);
        },
      },
      field({
        label: "Reason",
        name: "reason",
        maxlength: 500,
        pattern: "[^@]*",
        mismatch: "No e-mail addresses: it is kept for ever",
        autofocus: true,
        hint: "Optional. It is kept for ever, so name nobody.",
      }),
    ),
  ]);

export const letterPath = pathOf;
