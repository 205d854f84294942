const CONTROLS = "a[href], button:enabled, summary, input:enabled, select:enabled, textarea:enabled";

const nameOf = (control) => control.getAttribute("aria-label") ?? control.textContent;

/**
 * Draws a part of the page anew without losing the focus: what had it inside `element` may be gone then, and
 * the keyboard would begin at the top. It goes to the control of the same name, else to the first of its row.
 */
export function keepingFocus(element, draw) {
  const focused = document.activeElement;
  if (!focused || !element.contains(focused)) return draw();
  const row = focused.closest("tr");
  draw();
  if (document.activeElement === focused) return;
  const scope = row?.isConnected ? row : element;
  const twin = [...scope.querySelectorAll(CONTROLS)].find((control) => nameOf(control) === nameOf(focused));
  (twin ?? landing(scope)).focus({ preventScroll: true });
}

/** Where the focus goes when what had it is no more: the first control of `scope`, else the page's head. */
export const landing = (scope) =>
  (scope?.isConnected && scope.querySelector(CONTROLS)) || document.querySelector("h1");
