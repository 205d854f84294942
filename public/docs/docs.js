import { h, put } from "/js/dom.js";

/** The reference page: every call of `/api/openapi.json`, by tag. */
const spec = await fetch("/api/openapi.json").then((answer) => answer.json());

const resolve = (thing) =>
  thing.$ref
    ? thing.$ref
        .slice(2)
        .split("/")
        .reduce((at, name) => at[name], spec)
    : thing;

const calls = Object.entries(spec.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, call]) => ({ path, method: method.toUpperCase(), ...call })),
);
const tags = spec.tags.map(({ name }) => ({ name, calls: calls.filter((call) => call.tags.includes(name)) }));

/** A schema in a few words. */
function kind(schema) {
  const known = resolve(schema);
  if (known.anyOf) return known.anyOf.map(kind).join(" | ");
  if (known.enum) return known.enum.join(" | ");
  if ("const" in known) return String(known.const);
  if (known.type === "array") return `array of ${kind(known.items)}`;
  const range = [known.minimum, known.maximum].every((limit) => limit !== undefined);
  return [known.type, known.format, range && `${known.minimum} to ${known.maximum}`]
    .filter(Boolean)
    .join(", ");
}

const rows = (entries) =>
  h(
    "table",
    {},
    h(
      "tbody",
      {},
      entries.map((cells) =>
        h(
          "tr",
          {},
          cells.map((cell) => h("td", {}, cell)),
        ),
      ),
    ),
  );

const json = (value) =>
  h("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));

function parameters(call) {
  const list = (call.parameters ?? []).map(resolve);
  if (list.length === 0) return null;
  const row = ({ name, in: place, required, schema, description }) => [
    name,
    `${place}${required ? ", required" : ""}`,
    [kind(schema), description].filter(Boolean).join(". "),
  ];
  return [h("h4", {}, "Parameters"), rows(list.map(row))];
}

function body({ requestBody }) {
  const content = requestBody?.content["application/json"];
  return content && [h("h4", {}, "Body"), json(content.example)];
}

function answers({ responses }) {
  const all = Object.entries(responses);
  const example = ([status, { content = {} }]) => {
    const [media] = Object.values(content);
    return status < 300 && media?.example && [h("h4", {}, `Answer ${status}`), json(media.example)];
  };
  const row = ([status, { description }]) => [status, description.replaceAll("`", "")];
  return [all.map(example), h("h4", {}, "All answers"), rows(all.map(row))];
}

const section = (call) =>
  h(
    "section",
    { class: "docs-call", id: call.operationId },
    h("h3", {}, h("span", { class: "docs-method" }, call.method), call.path),
    h("p", {}, `${call.summary}.`),
    h(
      "p",
      { class: "docs-note" },
      call.security.length === 0
        ? "No token needed."
        : call.tags.includes("admin")
          ? "For administrators."
          : "Needs an access token.",
    ),
    parameters(call),
    body(call),
    answers(call),
  );

put(
  document.getElementById("contents"),
  h("a", { href: "/" }, "Subscription Hub"),
  tags.map((tag) => [
    h("h2", {}, tag.name),
    tag.calls.map((call) =>
      h("a", { href: `#${call.operationId}`, title: call.summary }, `${call.method} ${call.path}`),
    ),
  ]),
);
put(
  document.getElementById("reference"),
  h("h1", {}, `${spec.info.title}: API reference`),
  h("p", {}, spec.info.description.replaceAll("`", "")),
  h(
    "p",
    {},
    h("a", { href: "/api/openapi.json" }, "OpenAPI 3.1"),
    " · ",
    h("a", { href: "/api/asyncapi.json" }, "AsyncAPI 3"),
  ),
  tags.map((tag) => [h("h2", {}, tag.name), tag.calls.map(section)]),
);
document.getElementById(location.hash.slice(1))?.scrollIntoView();
