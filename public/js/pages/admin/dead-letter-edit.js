import { h } from "../../dom.js";
import { field, form } from "../../components/form.js";
import { redrive } from "../../models/dead-letters.js";

/** A letter's message to be edited and sent again; `done(letter)` gets the answer. */
export function editor(letter, { done, cancel }) {
  const text = JSON.stringify(letter.payload, null, 2);
  const element = form(
    {
      action: "Redrive as edited",
      class: "form edit",
      actions: h("button", { type: "button", class: "btn", onclick: cancel }, "Leave it as it was"),
      async submit({ payload }) {
        done(await redrive(letter, JSON.parse(payload)));
      },
    },
    field({
      label: "As it is to be sent",
      name: "payload",
      as: "textarea",
      rows: Math.min(28, text.split("\n").length + 1),
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      hint: "Its id and key stay: consumers know it by them. It is checked against its contract; who edited what is kept.",
    }),
  );
  const area = element.querySelector("textarea");
  area.value = text;
  // The browser's own check shows it beside the field.
  area.addEventListener("input", () => area.setCustomValidity(flawOf(area.value)));
  requestAnimationFrame(() => area.focus({ preventScroll: true }));
  return element;
}

function flawOf(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `Not JSON: ${error.message}`;
  }
}
