import { randomUUID } from "node:crypto";
import { ms, percentile } from "../bench/lib/stats";
import { table } from "../bench/lib/table";
import { ADMIN_OPTIONS, hubAt, signInAdmin } from "./admin";
import { checkBooks, limitedPlan, names, type Check } from "./demo/books";
import type { HubClient } from "./demo/client";
import { showOperations } from "./demo/operations";
import { Progress } from "./demo/progress";
import { hasEnded, jobsOf, placeAll, waitForAll, type Job } from "./demo/run";
import { outcomeOf, scenarios, type LimitedPlan, type Scenario } from "./demo/scenarios";
import { print, readOptions, run, whole } from "./program";

const USAGE = `npm run demo -- [URL] [--orders 300] [--users 8] [--admin-password PASSWORD]

Places a few hundred mixed orders on a running hub and shows what became of them.
URL is that of the hub, http://localhost:3000 by default (or HUB_URL). With the administrator's password
(or ADMIN_PASSWORD, and ADMIN_EMAIL if it is not admin@hub.local) it also checks that the books balance,
and breaks the payment provider for a moment, to leave dead letters and a stuck order to look at
(not with --no-dead-letters). Exit code 1: something is not as it should be.`;

/** Orders under way at once, and how long all of them may take to end. */
const WIDTH = 16;
const TIMEOUT_MS = 90_000;
const FREE_SEATS = 10;

const { values, positionals } = readOptions(USAGE, {
  allowPositionals: true,
  options: {
    orders: { type: "string", default: "300" },
    users: { type: "string", default: "8" },
    ...ADMIN_OPTIONS,
    "no-dead-letters": { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  const orders = whole("--orders", values.orders);
  const people = whole("--users", values.users);
  const hub = await hubAt(positionals[0]);
  const admin = values["admin-password"] ? await signInAdmin(hub, values) : null;
  const users = await Promise.all(Array.from({ length: people }, () => register(hub)));
  const limited: LimitedPlan = admin ? await limitedPlan(admin, FREE_SEATS) : { planId: "workshop" };
  const plan = scenarios(orders, limited);
  const jobs = jobsOf(plan, users);
  const faults: string[] = [];

  print(`${jobs.length} orders from ${users.length} users to ${hub.url}\n`);
  const placing = new Progress("placed", jobs.length);
  await placeAll(jobs, { width: WIDTH, progress: placing, faults });
  placing.end();
  const ending = new Progress("ended", jobs.length);
  await waitForAll(jobs, ending, TIMEOUT_MS);
  ending.end();

  const rows = plan.map((scenario) => report(scenario, jobs));
  print(
    `\n${table([["what was asked", "orders", "expected", "came out", "", "ends p50", "p99"], ...rows.map(({ row }) => row)])}\n`,
  );
  const accepted = jobs.flatMap((job) => job.accepted ?? []);
  const paid = jobs.filter(({ scenario }) => scenario === plan[0]).flatMap(tookToEnd);
  print(
    `accepted in     p50 ${ms(percentile(accepted, 0.5))}, p99 ${ms(percentile(accepted, 0.99))} (${WIDTH} at a time)`,
  );
  print(`paid to active  p50 ${ms(percentile(paid, 0.5))}, p99 ${ms(percentile(paid, 0.99))}\n`);

  const checks: Check[] = admin ? await checkBooks(admin, jobs) : [];
  for (const { name, holds, found } of checks) print(`${holds ? "✓" : "✗"} ${name}: ${found}`);
  if (!admin) {
    print("Whether the books balance was not checked: that needs --admin-password (or ADMIN_PASSWORD).");
    await giveSeatsBack(jobs);
  }
  const open = jobs.filter((job) => !hasEnded(job));
  if (open.length > 0) faults.push(`${open.length} orders have not ended: ${names(open)}`);
  for (const fault of new Set(faults)) print(`✗ ${fault}`);
  const good = faults.length === 0 && rows.every(({ good }) => good) && checks.every(({ holds }) => holds);
  if (admin && !values["no-dead-letters"]) {
    const shown = await showOperations(admin, users);
    if (shown.length > 0)
      print(
        `\nFor the operator (${hub.url}/#/admin/dead-letters, or at the REPL: dlq list, hub orders --stuck)`,
      );
    for (const line of shown) print(`· ${line}`);
  }
  print(good ? "\nAll as it should be." : "\nNot as it should be: see ✗ above.");
  return good ? 0 : 1;
}

async function register(hub: HubClient): Promise<HubClient> {
  const credentials = { email: `demo-${randomUUID()}@example.com`, password: randomUUID() };
  const { body } = await hub.ok(hub.post<{ accessToken: string }>("/api/auth/register", credentials));
  return hub.as(body.accessToken);
}

/** One line of the table: what a scenario's orders became. */
function report(scenario: Scenario, jobs: Job[]): { row: string[]; good: boolean } {
  const own = jobs.filter((job) => job.scenario === scenario);
  const found: Record<string, number> = {};
  for (const { order } of own) {
    const outcome = order ? outcomeOf(order) : "nothing";
    found[outcome] = (found[outcome] ?? 0) + 1;
  }
  const good = scenario.allows ? scenario.allows(found) : sameCounts(found, scenario.expected);
  const times = own.flatMap(tookToEnd);
  return {
    good,
    row: [
      scenario.name,
      String(scenario.orders),
      counts(scenario.expected),
      counts(found),
      good ? "✓" : "✗",
      ms(percentile(times, 0.5)),
      ms(percentile(times, 0.99)),
    ],
  };
}

/** By the hub's own clock: from the order's birth to its last change. */
const tookToEnd = ({ order }: Job): number[] =>
  order ? [Date.parse(order.updatedAt) - Date.parse(order.createdAt)] : [];

const counts = (of: Record<string, number>): string =>
  Object.keys(of).length === 1
    ? (Object.keys(of)[0] ?? "")
    : Object.entries(of)
        .map(([outcome, n]) => `${n} ${outcome}`)
        .join("; ");

const sameCounts = (a: Record<string, number>, b: Record<string, number>): boolean =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => (a[name] ?? 0) === (b[name] ?? 0));

/** Without an administrator the seats come from the catalogue's small plan: they have to last. */
async function giveSeatsBack(jobs: Job[]): Promise<void> {
  const held = jobs.filter(
    ({ scenario, order }) => scenario.body.items[0]?.planId === "workshop" && order?.status === "ACTIVE",
  );
  await Promise.all(held.map(({ user, id }) => user.post(`/api/orders/${id}/cancel`)));
}

run(main);
