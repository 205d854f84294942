import { h, put, uid } from "../dom.js";
import { fieldLine, plainFields } from "./fields.js";

/** The addresses that the hub takes: browsers let "a@b" pass. */
export const EMAIL = {
  pattern: "[^@\\s]+@[^@\\s]+\\.[^@\\s]+",
  mismatch: "An e-mail address, such as you@example.com",
};

/**
 * A labelled input; `pointer` is the JSON pointer of the field in the body, where server errors land, and
 * `mismatch` says what its `pattern` wants.
 */
export function field({ label, hint, pointer, mismatch, as = "input", options, ...props }) {
  const id = uid("f");
  const error = h("p", { class: "field-error", id: `${id}-error`, hidden: true });
  const input = h(
    as,
    {
      id,
      class: "input",
      "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-error`,
      dataset: { pointer: pointer ?? `/${props.name}`, ...(mismatch && { mismatch }) },
      ...props,
    },
    options?.map(([value, text]) => h("option", { value }, text)),
  );
  if (as === "select" && props.value !== undefined) input.value = props.value;
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    error,
  );
}

/**
 * A form: native validation first (messages beside the fields), then `submit(values, form)`, whose
 * `ApiError` goes to the fields it names and else into the notice on top. One request at a time.
 */
export function form({ submit, action, actions = null, buttonClass = "btn primary", ...props }, ...fields) {
  const notice = h("div", { class: "form-notice", role: "alert" });
  const button = h("button", { type: "submit", class: buttonClass }, action);
  const element = h(
    "form",
    { class: "form", novalidate: true, ...props },
    notice,
    fields,
    actions ? h("div", { class: "dialog-actions" }, actions, button) : button,
  );
  element.addEventListener("input", (event) => setError(event.target, null));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true" || !check(element)) return;
    put(notice);
    button.setAttribute("aria-busy", "true");
    try {
      await submit(Object.fromEntries(new FormData(element)), element);
    } catch (error) {
      showError(element, notice, error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return element;
}

function check(element) {
  const bad = [...element.elements].filter((input) => input.willValidate && !input.checkValidity());
  for (const input of bad) setError(input, flawOf(input));
  bad[0]?.focus();
  return bad.length === 0;
}

const flawOf = ({ validity, dataset, validationMessage }) =>
  (validity.patternMismatch && dataset.mismatch) || validationMessage;

function setError(input, message) {
  const place = document.getElementById(`${input.id}-error`);
  if (!place) return;
  input.toggleAttribute("aria-invalid", false);
  if (message) input.setAttribute("aria-invalid", "true");
  place.hidden = !message;
  place.textContent = message ?? "";
}

function showError(element, notice, error) {
  const left = plainFields(error.fields).filter(({ pointer, detail }) => {
    const input = element.querySelector(`[data-pointer="${CSS.escape(pointer)}"]`);
    if (input) setError(input, detail);
    return !input;
  });
  const first = element.querySelector("[aria-invalid=true]");
  if (first) first.focus();
  if (!first || left.length) put(notice, problem(error, left));
}

/** An `ApiError` as a notice. */
export function problem(error, fields = plainFields(error.fields)) {
  if (error.status === undefined) console.error(error);
  return h(
    "div",
    { class: "notice bad" },
    h("p", null, error.message),
    fields.length > 0 &&
      h(
        "ul",
        null,
        fields.map((field) => h("li", null, fieldLine(field))),
      ),
    h("p", { class: "code" }, error.code ?? ""),
  );
}
