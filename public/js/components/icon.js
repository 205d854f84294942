import { svg } from "../dom.js";

const PATHS = {
  bell: ["M6 9a6 6 0 1 1 12 0c0 6 2 7 2 7H4s2-1 2-7", "M10 20a2.2 2.2 0 0 0 4 0"],
  sun: [
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8",
    "M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  ],
  moon: ["M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5"],
  user: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8", "M4 21c0-4 3.6-6 8-6s8 2 8 6"],
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
  check: ["M4 12.5 9.5 18 20 6.5"],
  close: ["M6 6l12 12M18 6 6 18"],
  request: ["M4 12h14", "M13 6l6 6-6 6"],
  command: ["M13 3 5 14h6l-1 7 8-11h-6z"],
  event: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16", "M12 11.5v.9"],
  notification: ["M6 9a6 6 0 1 1 12 0c0 6 2 7 2 7H4s2-1 2-7", "M10 20a2.2 2.2 0 0 0 4 0"],
  box: ["M4 8l8-4 8 4v8l-8 4-8-4z", "M4 8l8 4 8-4M12 12v8"],
  warn: ["M12 4 2.5 20h19z", "M12 10v4M12 17v.4"],
};

/** A line icon, hidden from screen readers: what it sits on has a name of its own. */
export const icon = (name) =>
  svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    PATHS[name].map((d) => svg("path", { d })),
  );
