import { h } from "../dom.js";
import { api } from "../api.js";
import { field, form } from "../components/form.js";
import { pageHead } from "../components/page-head.js";
import { go } from "../router.js";
import { session } from "../session.js";

/**
 * Begins the session that was answered, and goes back where one was (never out of these pages), unless the page
 * was left meanwhile.
 */
export function enter(answer, { query, signal }) {
  // Asked first: the pages are shown anew for whoever signs in.
  const wasLeft = signal.aborted;
  session.start(answer);
  if (!wasLeft) go(query.next?.startsWith("/") ? query.next : "/plans");
}

export function signIn({ query, signal }) {
  const submit = async ({ email, password }) =>
    enter(await api.post("/api/auth/login", { email, password }), { query, signal });
  return h(
    "div",
    { class: "narrow" },
    pageHead("Sign in"),
    h(
      "div",
      { class: "card stack-s" },
      form(
        { submit, action: "Sign in", buttonClass: "btn primary wide" },
        field({ label: "E-mail", name: "email", type: "email", required: true, autocomplete: "username" }),
        field({
          label: "Password",
          name: "password",
          type: "password",
          required: true,
          autocomplete: "current-password",
        }),
      ),
      h("p", { class: "small muted" }, "New here? ", h("a", { href: other("sign-up", query) }, "Sign up")),
    ),
  );
}

/** The link between sign in and sign up keeps where one wanted to go. */
export const other = (page, { next }) => `#/${page}${next ? `?next=${encodeURIComponent(next)}` : ""}`;
