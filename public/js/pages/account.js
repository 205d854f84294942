import { h } from "../dom.js";
import { api } from "../api.js";
import { badge } from "../components/badge.js";
import { EMAIL, field, form } from "../components/form.js";
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
        h("h2", { class: "card-head" }, "Other ways to reach you"),
        region({
          signal,
          load: () => api.get("/api/notifications/preferences", { signal }),
          wait: skeleton("100%", "430px"),
          render: preferences,
        }).element,
      ),
    ),
  ];
}

const NO_GATEWAY = "has no gateway for it yet: each is recorded as a failed delivery";

const FIELDS = [
  {
    label: "E-mail",
    name: "email",
    type: "email",
    ...EMAIL,
    placeholder: "you@example.com",
    hint: "Sent only where the hub's operator has set a mail server (SMTP_URL)",
  },
  {
    label: "Text message",
    name: "sms",
    type: "tel",
    pattern: "\\+[1-9][0-9]{6,14}",
    mismatch: "A + with the country code, then digits only: +4915112345678",
    placeholder: "+4915112345678",
    hint: `The hub keeps the number, but ${NO_GATEWAY}`,
  },
  {
    label: "Push",
    name: "push",
    maxlength: 512,
    hint: `The token of your device. The hub keeps it, but ${NO_GATEWAY}`,
  },
  {
    label: "Webhook",
    name: "webhook",
    type: "url",
    pattern: "[hH][tT][tT][pP][sS]?://.+",
    mismatch: "An address that begins with https:// or http://",
    placeholder: "https://example.com/hook",
    hint: "Each notification is posted there as JSON, by https or http",
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
    toast({ title: "Saved", body: "What you set is used from now on.", tone: "good" });
  };
  return form(
    { submit, action: "Save" },
    FIELDS.map((props) => field({ ...props, value: saved?.[props.name] ?? "" })),
  );
}
