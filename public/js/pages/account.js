import { h } from "../dom.js";
import { api } from "../api.js";
import { badge } from "../components/badge.js";
import { field, form } from "../components/form.js";
import { idChip } from "../components/id.js";
import { pageHead } from "../components/page-head.js";
import { region, skeleton } from "../components/states.js";
import { toast } from "../components/toast.js";
import { session } from "../session.js";

export function account({ signal }) {
  const { user } = session;
  return [
    pageHead("Account and delivery"),
    h(
      "div",
      { class: "halves" },
      h(
        "section",
        { class: "card" },
        h("h2", { class: "card-head" }, "You"),
        h(
          "dl",
          { class: "pairs" },
          [
            ["Name", user.name || "–"],
            ["E-mail", user.email],
            ["Role", badge(user.role)],
            ["User id", idChip(user.id, { label: "user id" })],
          ].map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
        ),
      ),
      h(
        "section",
        { class: "card" },
        h("h2", { class: "card-head" }, "Where else to tell you"),
        region({
          signal,
          load: () => api.get("/api/notifications/preferences", { signal }),
          wait: skeleton("100%", "340px"),
          render: preferences,
        }).element,
      ),
    ),
  ];
}

const FIELDS = [
  { label: "E-mail", name: "email", type: "email", placeholder: "you@example.com" },
  {
    label: "Text message",
    name: "sms",
    type: "tel",
    pattern: "\\+[1-9][0-9]{6,14}",
    placeholder: "+4915112345678",
  },
  { label: "Push", name: "push", hint: "The token of your device", maxlength: 512 },
  {
    label: "Webhook",
    name: "webhook",
    type: "url",
    placeholder: "https://example.com/hook",
    maxlength: 2048,
  },
];

function preferences(saved) {
  const submit = async (values) => {
    // An empty field switches its channel off.
    await api.put(
      "/api/notifications/preferences",
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value || null])),
    );
    toast({ title: "Saved", body: "Your notifications go there from now on.", tone: "good" });
  };
  return form(
    { submit, action: "Save" },
    FIELDS.map((props) => field({ ...props, value: saved?.[props.name] ?? "" })),
  );
}
