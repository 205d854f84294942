import { h, put, svg } from "../dom.js";
import { duration } from "../format.js";
import { openEntry } from "./journey-entry.js";
import { journeyOf, relatives } from "./journey-model.js";

/** Sizes of the picture, in px. */
const WIDE = { label: 120, pitch: 124, narrowest: 114, node: 100, tall: 48, lane: 76, axis: 34, columns: 9 };
const TALL = { rail: 17, left: 14, row: 64 };
const GAP_MS = 1_000;
const phone = matchMedia("(max-width: 720px)");

/**
 * The journey of an order as a picture that grows: lanes over time on a wide screen, a graph from top to
 * bottom on a phone. `update(entries)` draws what is new; what was there stays where it was.
 */
export function journey({ signal }) {
  const element = h("div", { class: "journey" });
  const known = new Set();
  let entries = [];
  let selected = null;

  const draw = () => {
    const model = journeyOf(entries);
    const focused = document.activeElement?.dataset?.entry;
    const scroll = element.firstElementChild?.scrollLeft ?? 0;
    const buttons = new Map(model.nodes.map((node) => [node, button(node)]));
    put(
      element,
      phone.matches ? tallPicture(model, buttons) : widePicture(model, buttons, element.clientWidth),
    );
    element.firstElementChild.scrollLeft = scroll;
    if (focused)
      element.querySelector(`[data-entry="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    for (const node of model.nodes) known.add(node.entry.id);

    function button(node) {
      const { entry } = node;
      const made = h(
        "button",
        {
          type: "button",
          class: `step ${entry.kind} ${node.tone}${known.has(entry.id) ? "" : " fresh"}`,
          "aria-label": nameOf(node, model.lanes),
          "aria-expanded": String(entry.id === selected),
          dataset: { entry: entry.id },
        },
        h("span", { class: "step-type" }, breakable(typeOf(entry))),
        node.detail && [" ", h("span", { class: "step-detail" }, node.detail)],
      );
      const light = (on) => highlight(on ? relatives(node, model.nodes) : null);
      for (const name of ["pointerenter", "focus"]) made.addEventListener(name, () => light(true));
      for (const name of ["pointerleave", "blur"]) made.addEventListener(name, () => light(false));
      made.addEventListener("click", () => {
        selected = entry.id;
        openEntry(node, { signal, opener: made, onclose: () => mark((selected = null)), follow });
        mark(selected);
      });
      return made;
    }
    function highlight(family) {
      element.classList.toggle("lit", family !== null);
      const ids = new Set([...(family ?? [])].map((node) => node.entry.id));
      for (const part of element.querySelectorAll("[data-entry], [data-edge]")) {
        part.classList.toggle("in-family", ids.has(part.dataset.entry ?? part.dataset.edge));
      }
    }
  };
  const mark = (id) => {
    for (const part of element.querySelectorAll(".step"))
      part.setAttribute("aria-expanded", String(part.dataset.entry === id));
  };
  const follow = (id) => element.querySelector(`[data-entry="${CSS.escape(id)}"]`)?.click();

  phone.addEventListener("change", draw, { signal });
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    draw();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());

  return {
    element,
    update(next) {
      entries = next;
      draw();
    },
  };
}

/**
 * What an entry is called where there is little room: of the two kinds of notification, the one that went well
 * has the short name, and every request is one to the API.
 */
const typeOf = ({ type }) => (type === "NotificationSent" ? "Notification" : type.replace(" /api/", " "));

const nameOf = (node, lanes) =>
  [
    // As it is written on the step, so that what is seen can be said.
    `${typeOf(node.entry)} ${node.detail}`.trim(),
    `${node.entry.kind} of ${lanes[node.lane].name.toLowerCase()}`,
    `after ${duration(node.offset)}`,
    node.cause && `caused by ${typeOf(node.cause.entry)}`,
  ]
    .filter(Boolean)
    .join(", ");

/** Long names may break before a capital letter and after a dot or a slash. */
function breakable(text) {
  const parts = text.split(/(?<=[./])|(?<=[a-z])(?=[A-Z])/);
  return parts.flatMap((part, i) => (i ? [h("wbr"), part] : [part]));
}

function widePicture({ lanes, nodes, columns }, buttons, width) {
  const size = WIDE;
  const room = width - size.label;
  const pitch = Math.max(
    size.narrowest,
    Math.min(size.pitch, Math.floor(room / Math.max(columns, size.columns))),
  );
  const full = Math.max(size.label + columns * pitch + 8, width);
  const height = lanes.length * size.lane + size.axis;
  const x = (column) => size.label + column * pitch + (pitch - size.node) / 2;
  const y = (lane) => lane * size.lane + size.lane / 2;

  const arrow = (node) => {
    const path = arrowPath(node, { x, y, size });
    return svg("path", {
      class: "edge",
      d: path,
      "marker-end": "url(#arrow)",
      dataset: { edge: node.entry.id },
    });
  };
  const picture = svg(
    "svg",
    { class: "edges", width: full, height, viewBox: `0 0 ${full} ${height}`, "aria-hidden": "true" },
    arrowHead(),
    lanes.map((_, i) => svg("line", { class: "lane-line", x1: size.label, x2: full, y1: y(i), y2: y(i) })),
    nodes.filter((node) => node.cause).map(arrow),
  );
  const list = h(
    "ol",
    { class: "steps", "aria-label": "Steps of the order, in time" },
    nodes.map((node) => {
      const place = {
        left: `${x(node.column)}px`,
        top: `${y(node.lane) - size.tall / 2}px`,
        width: `${size.node}px`,
        height: `${size.tall}px`,
      };
      return h("li", { style: place }, buttons.get(node));
    }),
  );
  return h(
    "div",
    { class: "wide" },
    h(
      "div",
      { class: "canvas", style: { width: `${full}px`, height: `${height}px` } },
      h(
        "div",
        { class: "lanes", "aria-hidden": "true" },
        lanes.map((lane) => h("div", { class: "lane" }, h("span", null, lane.name))),
      ),
      picture,
      list,
      h(
        "div",
        { class: "axis", "aria-hidden": "true" },
        ticks(nodes).map(({ column, text, gap }) =>
          h(
            "span",
            { class: gap ? "gap" : null, style: { left: `${x(column)}px`, width: `${size.node}px` } },
            text,
          ),
        ),
      ),
    ),
  );
}

/** From a cause to its effect: into its side when it is the next column, else round the nodes between. */
function arrowPath({ cause, lane, column }, { x, y, size }) {
  const from = { x: x(cause.column) + size.node, y: y(cause.lane) };
  const half = size.tall / 2;
  if (column === cause.column + 1) {
    const to = { x: x(column) - 5, y: y(lane) };
    const bend = Math.max(14, (to.x - from.x) / 2);
    return `M${from.x} ${from.y} C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`;
  }
  const middle = x(column) + size.node / 2;
  if (lane === cause.lane) {
    const top = from.y - half;
    const start = from.x - size.node / 2;
    return `M${start} ${top} C${start} ${top - 16} ${middle} ${top - 16} ${middle} ${top - 5}`;
  }
  const end = lane < cause.lane ? y(lane) + half + 5 : y(lane) - half - 5;
  return `M${from.x} ${from.y} H${middle - 24} Q${middle} ${from.y} ${middle} ${from.y + Math.sign(end - from.y) * 24} V${end}`;
}

/** The time of each column, since the first entry; a long wait before one is marked. */
function ticks(nodes) {
  const found = new Map();
  let before = 0;
  for (const { column, offset } of nodes) {
    if (!found.has(column))
      found.set(column, { column, text: `+${duration(offset)}`, gap: offset - before > GAP_MS });
    before = offset;
  }
  return [...found.values()];
}

function tallPicture({ lanes, nodes }, buttons) {
  const { rail, left, row } = TALL;
  const x = (lane) => left + lane * rail;
  const y = (i) => i * row + row / 2;
  const place = new Map(nodes.map((node, i) => [node, i]));
  const width = left + lanes.length * rail;
  const height = nodes.length * row;
  const edge = (node, i) => {
    const from = [x(node.cause.lane), y(place.get(node.cause))];
    const to = [x(node.lane), y(i)];
    const turn = Math.max(from[1], to[1] - row * 0.9);
    const path = `M${from} V${turn} C${from[0]} ${to[1] - row * 0.3} ${to[0]} ${turn + row * 0.25} ${to}`;
    return svg("path", { class: "edge", d: path, dataset: { edge: node.entry.id } });
  };
  return h(
    "div",
    { class: "tall" },
    h(
      "div",
      { class: "canvas" },
      svg(
        "svg",
        { class: "edges", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
        lanes.map((_, i) => svg("line", { class: "lane-line", x1: x(i), x2: x(i), y1: 0, y2: height })),
        nodes.map((node, i) => node.cause && edge(node, i)),
        nodes.map((node, i) =>
          svg("circle", { class: `dot ${node.entry.kind} ${node.tone}`, cx: x(node.lane), cy: y(i), r: 5 }),
        ),
      ),
      h(
        "ol",
        {
          class: "steps",
          "aria-label": "Steps of the order, in time",
          style: { "margin-left": `${width}px` },
        },
        nodes.map((node) =>
          h(
            "li",
            { style: { height: `${row}px` } },
            buttons.get(node),
            h(
              "span",
              { class: "tall-meta small muted" },
              lanes[node.lane].name,
              h("br"),
              `+${duration(node.offset)}`,
            ),
          ),
        ),
      ),
    ),
  );
}

const arrowHead = () =>
  svg(
    "defs",
    null,
    svg(
      "marker",
      { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
      svg("path", { d: "M0 .5 8 4 0 7.5z" }),
    ),
  );
