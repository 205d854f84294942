import { h, put, svg } from "../dom.js";

const KEEP = 60;
/** With fewer values the line does not reach the right edge yet. */
const FEW = 10;
const [WIDTH, HEIGHT] = [120, 30];

/** The last minutes of a number as a line; `add(value)` each time it is measured. */
export function spark(label) {
  const values = [];
  const element = h("div", { role: "img", "aria-label": `${label} over time` });
  return {
    element,
    add(value) {
      values.push(value);
      if (values.length > KEEP) values.shift();
      put(element, line(values));
      element.setAttribute(
        "aria-label",
        `${label} over the last ${values.length} measurements, now ${value}`,
      );
    },
  };
}

function line(values) {
  const top = Math.max(...values, 1);
  const points = values.map((value, i) => {
    const x = (i * WIDTH) / (Math.max(values.length, FEW) - 1);
    return `${x.toFixed(1)} ${(HEIGHT - (value / top) * (HEIGHT - 2)).toFixed(1)}`;
  });
  const path = `M${points.join("L")}`;
  const last = points.at(-1).split(" ")[0];
  return svg(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "area", d: `${path}L${last} ${HEIGHT}L0 ${HEIGHT}Z` }),
    svg("path", { d: path }),
  );
}
