import { h, put } from "../../dom.js";
import { api } from "../../api.js";
import { duration, money, number } from "../../format.js";
import { badge } from "../../components/badge.js";
import { problem } from "../../components/form.js";
import { spark } from "../../components/spark.js";
import { skeleton } from "../../components/states.js";
import { planNames } from "../../models/plans.js";
import { meter } from "./meter.js";
import { conversionOf, failuresByReason, revenueByDay, revenueByPlan } from "./numbers.js";
import { adminHead } from "./tabs.js";

const EVERY_MS = 2_000;
const STATUSES = [
  ["PENDING", "warn"],
  ["PAID", "info"],
  ["ACTIVE", "good"],
  ["PAYMENT_FAILED", "bad"],
  ["REJECTED", "bad"],
  ["CANCELLED", "none"],
];

export function overview({ signal }) {
  const notice = h("div", { role: "alert" });
  const tiles = {
    orders: tile("Orders", "#/admin/orders"),
    revenue: tile("Revenue"),
    conversion: tile("Ever active"),
    outbox: tile("Unsent messages"),
    lag: tile("Consumer lag"),
    dead: tile("Dead letters", "#/admin/dead-letters"),
    stuck: tile("Stuck orders", "#/admin/stuck"),
  };
  const statuses = h("div", null, skeleton("100%", "220px"));
  const lag = h("div", null, skeleton("100%", "220px"));
  const health = h("div", null, skeleton("100%", "160px"));
  const days = h("div", null, skeleton("100%", "220px"));
  const plans = h("div", null, skeleton("100%", "220px"));
  const failures = h("div", null, skeleton("100%", "160px"));
  const overall = h("span");

  const show = (stats, ready, names) => {
    put(notice);
    showTiles(tiles, stats);
    put(statuses, byStatus(stats.orders));
    put(lag, byGroup(stats.lag));
    put(days, revenueByDay(stats.dashboard.days));
    put(plans, revenueByPlan(stats.dashboard.plans, names));
    put(failures, failuresByReason(stats.dashboard.failures));
    put(overall, badge(ready.status));
    put(health, checks(ready.checks ?? {}));
  };
  let timer = 0;
  const look = async () => {
    try {
      const [stats, ready, names] = await Promise.all([
        api.get("/api/admin/stats", { signal }),
        // 503 is an answer here: it says what is down.
        api.get("/health/ready", { signal, anyStatus: true }),
        planNames(),
      ]);
      if (!signal.aborted) show(stats, ready, names);
    } catch (error) {
      if (signal.aborted) return;
      put(notice, problem(error));
    }
    timer = setTimeout(look, EVERY_MS);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  void look();

  return [
    adminHead("/admin", "Overview", { lead: "The hub as it is now, measured every two seconds." }),
    h(
      "div",
      { class: "stack" },
      notice,
      h(
        "dl",
        { class: "tiles" },
        Object.values(tiles).map((t) => t.element),
      ),
      h("div", { class: "halves" }, card("Orders by status", statuses), card("Why orders ended", failures)),
      h("div", { class: "halves" }, card("Revenue by day", days), card("Revenue by plan", plans)),
      h(
        "div",
        { class: "halves" },
        card("Lag of each consumer group", lag),
        h(
          "section",
          { class: "card" },
          h("div", { class: "card-head" }, h("h2", null, "Readiness"), overall),
          health,
        ),
      ),
    ),
  ];
}

const card = (title, content) =>
  h("section", { class: "card" }, h("h2", { class: "card-head" }, title), content);

function tile(label, href = null) {
  const value = h("dd", { class: "value" }, skeleton("60%"));
  const sub = h("dd", { class: "sub" });
  const line = spark(label);
  return {
    element: h(
      "div",
      { class: "card tile" },
      h("dt", null, href ? h("a", { href }, label) : label),
      value,
      sub,
      h("dd", null, line.element),
    ),
    show(text, { note = "", bad = false, measure }) {
      put(value, text);
      value.classList.toggle("bad", bad);
      put(sub, note);
      line.add(measure);
    },
  };
}

function showTiles(tiles, { orders, revenue, outbox, lag, deadLetters, stuck, dashboard }) {
  const total = sum(Object.values(orders));
  const behind = sum(Object.values(lag));
  const open = orders.PENDING ?? 0;
  tiles.orders.show(number(total), { note: `${number(open)} pending`, measure: total });
  tiles.revenue.show(revenue.length ? money(revenue[0]) : "–", {
    note: revenue.slice(1).map(money).join(" · "),
    measure: revenue[0]?.amount ?? 0,
  });
  const { text, note } = conversionOf(dashboard.conversion);
  tiles.conversion.show(text, { note, measure: dashboard.conversion.rate });
  tiles.outbox.show(number(outbox.pending), {
    note: outbox.pending ? `oldest ${duration(outbox.oldestSeconds * 1000)}` : "everything is sent",
    bad: outbox.oldestSeconds > 30,
    measure: outbox.pending,
  });
  tiles.lag.show(number(behind), { note: `${Object.keys(lag).length} groups`, measure: behind });
  tiles.dead.show(number(deadLetters), {
    note: deadLetters ? "need a decision" : "none",
    bad: deadLetters > 0,
    measure: deadLetters,
  });
  tiles.stuck.show(number(stuck), {
    note: stuck ? "longer than their deadline" : "none",
    bad: stuck > 0,
    measure: stuck,
  });
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

function byStatus(orders) {
  const total = sum(Object.values(orders));
  return [
    h(
      "div",
      { class: "share", "aria-hidden": "true" },
      STATUSES.filter(([status]) => orders[status]).map(([status, tone]) =>
        h("span", { class: tone, style: { "flex-grow": String(orders[status]) } }),
      ),
    ),
    h(
      "ul",
      { class: "counts" },
      STATUSES.map(([status]) =>
        h(
          "li",
          null,
          h(
            "a",
            { href: `#/admin/orders?status=${status}` },
            badge(status),
            h("span", null, share(orders[status] ?? 0, total)),
          ),
        ),
      ),
    ),
  ];
}

const share = (count, total) => `${number(count)}${total ? ` · ${Math.round((100 * count) / total)} %` : ""}`;

function byGroup(lag) {
  const groups = Object.entries(lag).sort(([a], [b]) => a.localeCompare(b));
  if (groups.length === 0) return h("p", { class: "muted" }, "No consumer group has told its lag yet.");
  const most = Math.max(...groups.map(([, n]) => n), 1);
  return h(
    "ul",
    { class: "counts" },
    groups.map(([group, n]) =>
      h(
        "li",
        null,
        h(
          "div",
          null,
          h("span", null, group),
          h("span", { class: "row" }, meter(n / most), h("span", null, number(n))),
        ),
      ),
    ),
  );
}

function checks({ services = {}, ...backing }) {
  const all = [...Object.entries(backing), ...Object.entries(services)];
  return h(
    "dl",
    { class: "facts" },
    all.map(([name, state]) => h("div", null, h("dt", null, name), h("dd", null, badge(state)))),
  );
}
