import { h, put } from "./dom.js";
import { icon } from "./components/icon.js";

const KEY = "hub.theme";
const systemDark = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : systemDark.matches;
};

/** The button between light and dark; until it is pressed, the system decides. */
export function themeToggle() {
  const button = h("button", { type: "button", class: "icon-btn" });
  const draw = () => {
    put(button, icon(isDark() ? "sun" : "moon"));
    button.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
    draw();
  });
  systemDark.addEventListener("change", draw);
  draw();
  return button;
}
