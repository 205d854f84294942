import { h } from "../dom.js";
import { api } from "../api.js";
import { field, form } from "../components/form.js";
import { pageHead } from "../components/page-head.js";
import { go } from "../router.js";
import { session } from "../session.js";

/** Where to go after signing in: back where one was, and never out of these pages. */
export const nextPath = (query) => (query.next?.startsWith("/") ? query.next : "/plans");

export function signIn({ query }) {
  const submit = async ({ email, password }) => {
    session.start(await api.post("/api/auth/login", { email, password }));
    go(nextPath(query));
  };
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
