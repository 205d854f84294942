import { h, put } from "../dom.js";
import { keepingFocus, landing } from "./focus.js";
import { emptyState, errorState, skeleton } from "./states.js";

/**
 * A table over a paged list. `columns`: `{label, cell(item), class?, lead?, hideLabel?}`; `load({after})`
 * gives `{items, next}`. Rows are kept by `key(item)`, so that one changes in place, nothing else moves, and
 * the focus stays where it is. Roles are written out: as cards on a phone, rows and cells would lose them.
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

  const cellsOf = (item) => columns.map((column) => cell(column, column.cell(item)));

  async function page(after) {
    const mine = ++run;
    table.setAttribute("aria-busy", "true");
    try {
      const { items, next } = await load({ after });
      if (signal.aborted || mine !== run) return;
      keepingFocus(body, () => draw(items, { isFirst: !after }));
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
      if (mine === run) table.removeAttribute("aria-busy");
    }
  }

  function more(next) {
    const button = h("button", { type: "button", class: "btn small" }, "Load more");
    button.addEventListener("click", async () => {
      const last = body.lastElementChild;
      button.setAttribute("aria-busy", "true");
      await page(next);
      // The button is gone, or another one: on with what it brought.
      if (!button.isConnected && last.nextElementSibling)
        landing(last.nextElementSibling).focus({ preventScroll: true });
    });
    return button;
  }

  function draw(items, { isFirst }) {
    const before = new Map(shown);
    if (isFirst) {
      if (!table.isConnected) put(element, table, foot);
      put(body);
      shown.clear();
    }
    for (const item of items) {
      const row = before.get(key(item)) ?? h("tr", { role: "row" });
      shown.set(key(item), put(row, cellsOf(item)));
      if (!row.isConnected) body.append(row);
    }
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
    has: (id) => shown.has(id),
    /** Changes the row of `item`, if it is shown. */
    update(item) {
      const row = shown.get(key(item));
      if (!row) return;
      const cells = cellsOf(item);
      keepingFocus(row, () =>
        [...row.cells].forEach((old, i) => {
          // A button that is just being pressed stays what it is, if nothing about it is new.
          if (!old.contains(document.activeElement) || !old.isEqualNode(cells[i])) old.replaceWith(cells[i]);
        }),
      );
    },
    /** Puts the row of a new item on top. */
    prepend(item) {
      if (!table.isConnected) put(element, table, foot);
      const row = put(h("tr", { role: "row" }), cellsOf(item));
      shown.set(key(item), row);
      body.prepend(row);
    },
  };
}

/** The column of what can be done with a row: `buttons(item)` gives one, several, or false. */
export const actionsColumn = (buttons) => ({
  label: "Actions",
  hideLabel: true,
  cell: (item) => h("div", { class: "table-actions" }, buttons(item)),
});

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
