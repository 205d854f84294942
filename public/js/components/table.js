import { h, put } from "../dom.js";
import { emptyState, errorState, skeleton } from "./states.js";

/**
 * A table over a paged list. `columns`: `{label, cell(item), class?, lead?, hideLabel?}`; `load({after})`
 * gives `{items, next}`. Rows are kept by `key(item)`, so that `update(item)` changes one row in place and
 * nothing else moves. Roles are written out: as cards on a phone, rows and cells would lose them.
 */
export function dataTable({
  caption,
  columns,
  load,
  key = (item) => item.id,
  empty,
  signal,
  rows = 5,
  onload,
}) {
  const body = h("tbody", { role: "rowgroup" });
  const table = h(
    "table",
    { class: "table", role: "table", "aria-busy": "true" },
    h("caption", { class: "sr-only" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(header))),
    body,
  );
  const foot = h("div", { class: "table-foot", hidden: true });
  const element = h("div", { class: "card flush" }, table, foot);
  const shown = new Map();
  let run = 0;

  const toRow = (item) =>
    h(
      "tr",
      { role: "row" },
      columns.map((column) => cell(column, column.cell(item))),
    );

  async function page(after) {
    const mine = ++run;
    table.setAttribute("aria-busy", "true");
    try {
      const { items, next } = await load({ after });
      if (signal.aborted || mine !== run) return;
      if (!after) clear();
      for (const item of items) add(item);
      if (shown.size === 0)
        return put(element, empty ?? emptyState("Nothing here", "There is nothing to show."));
      put(foot, next && more(next));
      foot.hidden = !next;
      onload?.(items);
    } catch (error) {
      if (signal.aborted || mine !== run) return;
      put(
        element,
        errorState(error, () => (put(element, table, foot), page(after))),
      );
    } finally {
      table.removeAttribute("aria-busy");
    }
  }

  function more(next) {
    const button = h("button", { type: "button", class: "btn small" }, "Load more");
    button.addEventListener("click", async () => {
      button.setAttribute("aria-busy", "true");
      await page(next);
    });
    return button;
  }

  function clear() {
    put(element, table, foot);
    put(body);
    shown.clear();
  }

  function add(item) {
    const row = toRow(item);
    if (shown.has(key(item))) shown.get(key(item)).replaceWith(row);
    else body.append(row);
    shown.set(key(item), row);
  }

  put(
    body,
    Array.from({ length: rows }, () =>
      h(
        "tr",
        { role: "row" },
        columns.map((c) => cell(c, skeleton("80%"))),
      ),
    ),
  );
  void page();

  return {
    element,
    /** From the first page again; what is shown stays until the answer is there. */
    reload: () => page(),
    /** Changes the row of `item`, if it is shown; cells keep the focus they have. */
    update(item) {
      const row = shown.get(key(item));
      if (!row) return;
      const cells = [...toRow(item).cells];
      [...row.cells].forEach((old, i) => {
        if (!old.contains(document.activeElement)) old.replaceWith(cells[i]);
      });
    },
  };
}

const header = (column) =>
  h(
    "th",
    { role: "columnheader", scope: "col", class: column.class },
    column.hideLabel ? h("span", { class: "sr-only" }, column.label) : column.label,
  );

function cell(column, content) {
  const classes = [column.class, column.lead && "lead-cell"].filter(Boolean).join(" ");
  return h(
    "td",
    { role: "cell", class: classes || null, dataset: column.hideLabel ? {} : { label: column.label } },
    content,
  );
}
