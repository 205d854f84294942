import { h } from "../../dom.js";
import { api } from "../../api.js";
import { field, form } from "../../components/form.js";
import { region, skeleton } from "../../components/states.js";
import { toast } from "../../components/toast.js";
import { adminHead } from "./tabs.js";

const MODES = [
  ["normal", "Normal", "Every payment method does what its name says."],
  ["outage", "Outage", "Every call fails for now: charges wait and are tried again with growing pauses."],
  ["broken", "Broken", "Every call fails for good: charges become dead letters."],
];

export function simulator({ signal }) {
  return [
    adminHead("/admin/simulator", "Simulator", {
      lead: "The switch of the simulated payment provider. Break it and see that nothing is lost.",
    }),
    h(
      "section",
      { class: "card" },
      region({
        signal,
        load: () => api.get("/api/admin/simulator", { signal }),
        wait: skeleton("100%", "240px"),
        render: controls,
      }).element,
    ),
  ];
}

function controls({ mode, latencyMs }) {
  const submit = async (values) => {
    await api.put("/api/admin/simulator", { mode: values.mode, latencyMs: Number(values.latencyMs) });
    toast({
      title: "Switched",
      body: `The provider is ${values.mode} now.`,
      tone: values.mode === "normal" ? "good" : "bad",
    });
  };
  return form(
    { submit, action: "Switch" },
    h(
      "fieldset",
      null,
      h("legend", null, "Mode"),
      h(
        "div",
        { class: "switches" },
        MODES.map(([value, name, text]) =>
          h(
            "label",
            { class: "method" },
            h("input", { type: "radio", name: "mode", value, checked: value === mode }),
            h("span", null, h("strong", null, name), h("span", { class: "muted small" }, text)),
          ),
        ),
      ),
    ),
    h(
      "div",
      { class: "form-row" },
      field({
        label: "Latency (ms)",
        name: "latencyMs",
        type: "number",
        min: 0,
        max: 10_000,
        step: 1,
        required: true,
        value: latencyMs ?? 0,
        hint: "Added to every call, 0 to 10,000",
      }),
    ),
  );
}
