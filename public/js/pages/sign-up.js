import { h } from "../dom.js";
import { api } from "../api.js";
import { EMAIL, field, form } from "../components/form.js";
import { pageHead } from "../components/page-head.js";
import { enter, other } from "./sign-in.js";

export function signUp({ query, signal }) {
  const submit = async ({ email, password, name }) => {
    const body = { email, password, ...(name ? { name } : {}) };
    enter(await api.post("/api/auth/register", body), { query, signal });
  };
  return h(
    "div",
    { class: "narrow" },
    pageHead("Sign up"),
    h(
      "div",
      { class: "card stack-s" },
      form(
        { submit, action: "Create the account", buttonClass: "btn primary wide" },
        field({ label: "Name (optional)", name: "name", maxlength: 100, autocomplete: "name" }),
        field({
          label: "E-mail",
          name: "email",
          type: "email",
          ...EMAIL,
          required: true,
          autocomplete: "username",
        }),
        field({
          label: "Password",
          name: "password",
          type: "password",
          required: true,
          minlength: 8,
          maxlength: 128,
          hint: "8 characters or more",
          autocomplete: "new-password",
        }),
      ),
      h(
        "p",
        { class: "small muted" },
        "Have an account? ",
        h("a", { href: other("sign-in", query) }, "Sign in"),
      ),
    ),
  );
}
