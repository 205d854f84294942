import { h, put } from "../dom.js";
import { shortId } from "../format.js";
import { icon } from "./icon.js";
import { toast } from "./toast.js";

/** An id that copies itself on click; shown by its end unless `full`. */
export function idChip(id, { full = false, label = "id" } = {}) {
  if (!id) return "–";
  const mark = h("span", null, icon("copy"));
  const button = h(
    "button",
    { type: "button", class: full ? "id full" : "id", title: id },
    // Text, not a label: what is seen has to be in what is said.
    h("span", { class: "sr-only" }, `Copy ${label} `),
    full ? id : shortId(id),
    mark,
  );
  button.addEventListener("click", async (event) => {
    event.stopPropagation();
    if (!(await copy(id))) return toast({ title: "Could not copy", body: id, tone: "bad" });
    button.classList.add("copied");
    put(mark, icon("check"));
    setTimeout(() => {
      button.classList.remove("copied");
      put(mark, icon("copy"));
    }, 1_200);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Plain http on another host has no clipboard: the old way still works.
    const area = h("textarea", { class: "sr-only", value: text, "aria-hidden": "true", tabindex: "-1" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
