import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../../config/paths";
import { startHub, type TestHub } from "../support/hub";
import { orderIs, place } from "../support/orders";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

/*
 * Dashboards and alert rules name metrics and labels: here each name is held against what a running hub
 * answers at /metrics, so that none of them is silent because of a typing error.
 */

interface Rule {
  alert: string;
  expr: string;
  for: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}
interface Panel {
  id: number;
  title: string;
  description: string;
  datasource: { uid: string };
  fieldConfig: { defaults: { unit: string } };
  targets: { expr: string }[];
}
interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
}
interface Scrape {
  rule_files: string[];
  scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
}
interface Compose {
  services: Record<string, { build?: string; environment?: Record<string, string>; volumes?: string[] }>;
}

const text = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const BOARDS = "deploy/grafana/dashboards";
const boards = readdirSync(join(ROOT, BOARDS)).map((f) => JSON.parse(text(`${BOARDS}/${f}`)) as Dashboard);
const rules = (
  parse(text("deploy/prometheus/rules/hub.yml")) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const scrape = parse(text("deploy/prometheus/prometheus.yml")) as Scrape;
const compose = parse(text("docker-compose.yml"), { merge: true }) as Compose;
const panels = boards.flatMap(({ title, panels: all }) => all.map((panel) => [title, panel] as const));

/** Prometheus makes these itself, for every target. */
const OF_PROMETHEUS = ["up"];
const LABELS_OF_PROMETHEUS = ["job", "instance", "le"];
const WORDS = "by without on ignoring group_left group_right and or unless bool offset".split(" ");

/** A query's metrics and the labels that it asks of them: not a parser, but enough for what stands here. */
function named(expr: string): { metrics: string[]; labels: string[] } {
  const bare = expr.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\[[^\]]*\]/g, "");
  const labels: string[] = [];
  const lists = /\b(?:by|without|on|ignoring)\s*\(([^)]*)\)|\{([^}]*)\}/g;
  const rest = bare.replace(lists, (_all, list?: string, matchers?: string) => {
    labels.push(...((list ?? matchers ?? "").match(/[a-zA-Z_]\w*/g) ?? []));
    return " ";
  });
  const metrics = [...rest.matchAll(/([a-zA-Z_:][\w:]*)\s*(\()?/g)]
    .filter(([, name = "", call]) => !call && !WORDS.includes(name))
    .map(([, name = ""]) => name);
  return { metrics, labels };
}

let hub: TestHub;
let answer: string;

beforeAll(async () => {
  hub = await startHub();
  const { client } = await signUp(hub.guest);
  await hub.admin.put("/api/admin/simulator", { mode: "broken" });
  await place(client);
  await waitFor(async () => (await hub.admin.all("/api/admin/dead-letters")).length > 0);
  await hub.admin.put("/api/admin/simulator", { mode: "normal" });
  const { id } = await place(client);
  await orderIs(client, id, "ACTIVE");
  answer = (await hub.guest.get<string>("/metrics")).body;
});
afterAll(() => hub.stop());

/** Names of series, with the histograms' suffixes. */
function exposed(): Set<string> {
  const names = OF_PROMETHEUS.slice();
  for (const [, name = "", type] of answer.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (type === "histogram") names.push(`${name}_bucket`, `${name}_sum`, `${name}_count`);
    else names.push(name);
  }
  return new Set(names);
}

function labelsOf(metric: string): string[] {
  const lines = answer.split("\n").filter((line) => line.startsWith(`${metric}{`));
  return lines.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, label = ""]) => label));
}

const queries = (): [string, string][] => [
  ...rules.map(({ alert, expr }): [string, string] => [alert, expr]),
  ...panels.flatMap(([board, { title, targets }]) =>
    targets.map(({ expr }): [string, string] => [`${board} / ${title}`, expr]),
  ),
];

it("asks for metrics that the hub has, and for nothing else", () => {
  const names = exposed();
  for (const [where, expr] of queries()) {
    const { metrics } = named(expr);
    expect([where, metrics.length > 0]).toEqual([where, true]);
    expect([where, metrics.filter((name) => !names.has(name))]).toEqual([where, []]);
  }
});

it("asks for labels that these metrics have", () => {
  for (const [where, expr] of queries()) {
    const { metrics, labels } = named(expr);
    // One that has no line yet says nothing of its labels.
    const all = metrics.map(labelsOf);
    if (all.some((known) => known.length === 0)) continue;
    const known = new Set([...all.flat(), ...LABELS_OF_PROMETHEUS]);
    expect([where, labels.filter((label) => !known.has(label))]).toEqual([where, []]);
  }
});

it("shows every promise, and every metric of the hub's own somewhere", () => {
  const asked = new Set(queries().flatMap(([, expr]) => named(expr).metrics));
  const own = [...answer.matchAll(/^# TYPE (hub_\w+) /gm)].map(([, name = ""]) => name);
  const unseen = own.filter((name) => ![...asked].some((one) => one.startsWith(name)));
  // Who the node is; the sum over the services that are shown one by one.
  expect(unseen.sort()).toEqual(["hub_node_info", "hub_outbox_pending"]);
});

describe("each alert", () => {
  const headings = [...text("docs/alerts.md").matchAll(/^## (.+)$/gm)].map(([, title = ""]) => title);
  const anchors = headings.map((title) => `docs/alerts.md#${title.toLowerCase()}`);

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    "%s says how bad it is and what to do",
    (name, rule) => {
      expect(rule.for).toMatch(/^\d+[smh]$/);
      expect(rule.expr).toMatch(/[<>=]/);
      expect(["critical", "warning"]).toContain(rule.labels.severity);
      expect(rule.annotations.summary).toMatch(/\.$/);
      expect(anchors).toContain(rule.annotations.runbook);
      expect(headings).toContain(name);
    },
  );

  it("has one name, and its row in the overview", () => {
    const names = rules.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    const rows = [...text("docs/alerts.md").matchAll(/^\| \[(\w+)\].* \| (\w+) \|$/gm)];
    const told = rows.map(([, alert, severity]) => [alert, severity]);
    expect(told.sort()).toEqual(rules.map(({ alert, labels }) => [alert, labels.severity]).sort());
  });
});

describe("each dashboard", () => {
  it("has ids of its own, units, and panels that say what they show", () => {
    expect(new Set(boards.map(({ uid }) => uid)).size).toBe(boards.length);
    const sources = parse(text("deploy/grafana/provisioning/datasources/hub.yml")) as {
      datasources: { uid: string }[];
    };
    const uids = sources.datasources.map(({ uid }) => uid);
    for (const { panels: all } of boards) expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const [, panel] of panels) {
      expect(panel.description).toMatch(/\.$/);
      expect(panel.fieldConfig.defaults.unit).toBeTruthy();
      expect(uids).toContain(panel.datasource.uid);
    }
  });
});

describe("the compose file's observability", () => {
  it("scrapes every node on its METRICS_PORT", () => {
    const nodes = Object.entries(compose.services).filter(([, { build }]) => build === ".");
    const wanted = nodes.map(([name, node]) => `${name}:${node.environment?.METRICS_PORT}`);
    const [job] = scrape.scrape_configs;
    expect(job?.job_name).toBe("hub");
    expect(job?.static_configs.flatMap(({ targets }) => targets).sort()).toEqual(wanted.sort());
  });

  it("mounts the files where Prometheus and Grafana look for them", () => {
    const mounts = [compose.services.prometheus, compose.services.grafana].flatMap((s) => s?.volumes ?? []);
    const files = mounts.filter((mount) => mount.startsWith("./")).map((mount) => mount.split(":"));
    for (const [file = ""] of files) expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
    const inside = files.map(([, at]) => at);
    expect(inside).toContain("/etc/prometheus/prometheus.yml");
    expect(inside).toContain(scrape.rule_files[0]?.replace("/*.yml", ""));
    const provider = parse(text("deploy/grafana/provisioning/dashboards/hub.yml")) as {
      providers: { options: { path: string } }[];
    };
    expect(inside).toContain(provider.providers[0]?.options.path);
  });
});
