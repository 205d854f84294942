import { randomUUID } from "node:crypto";
import type { HubClient } from "./client";
import type { Progress } from "./progress";
import { isOver, type Order, type Scenario } from "./scenarios";

/** One order of a scenario, from the request to its end. */
export interface Job {
  scenario: Scenario;
  user: HubClient;
  id?: string;
  /** Milliseconds from the request to its 202 (or 422). */
  accepted?: number;
  cancelAsked?: boolean;
  order?: Order;
}

const POLL_MS = 250;

/** One job for each order, scenarios mixed evenly, users in turn. */
export function jobsOf(scenarios: Scenario[], users: HubClient[]): Job[] {
  return scenarios
    .flatMap((scenario) =>
      Array.from({ length: scenario.orders }, (_, i) => ({ scenario, at: (i + 0.5) / scenario.orders })),
    )
    .sort((a, b) => a.at - b.at)
    .map(({ scenario }, i) => ({ scenario, user: users[i % users.length] as HubClient }));
}

/** Places all orders, `width` at a time; what was answered wrongly goes to `faults`. */
export async function placeAll(
  jobs: Job[],
  { width, progress, faults }: { width: number; progress: Progress; faults: string[] },
): Promise<void> {
  const waiting = [...jobs];
  const worker = async (): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      await place(job, faults);
      progress.add();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function place(job: Job, faults: string[]): Promise<void> {
  const { scenario, user } = job;
  const again = scenario.then === "send it again";
  const headers: Record<string, string> = again ? { "Idempotency-Key": randomUUID() } : {};
  const send = (body = scenario.body) =>
    user.post<{ id?: string; orderId?: string; code?: string }>("/api/orders", body, headers);
  const [first, twin] = await Promise.all([send(), again ? send() : null]);
  job.accepted = first.took;
  job.id = first.body.id ?? first.body.orderId;
  const expected = scenario.expected.REJECTED ? 422 : 202;
  if (first.status !== expected || !job.id)
    faults.push(`${scenario.name}: answered ${first.status} ${first.body.code ?? ""}`);

  if (again) {
    const later = await send();
    const other = await send({ ...scenario.body, paymentMethod: "pm_card_chargeDeclined" });
    if (twin?.body.id !== job.id || later.body.id !== job.id)
      faults.push(`${scenario.name}: one key made two orders`);
    if (later.headers.get("idempotent-replayed") !== "true")
      faults.push(`${scenario.name}: a repeat was not marked as one`);
    if (other.body.code !== "IDEMPOTENCY_KEY_REUSED")
      faults.push(`${scenario.name}: another body under the same key was answered ${other.status}`);
  }
  if (scenario.then === "cancel at once") await cancel(job);
}

async function cancel(job: Job): Promise<void> {
  job.cancelAsked = true;
  await job.user.post(`/api/orders/${job.id}/cancel`);
}

/** Looks at each user's orders until all have ended, or `timeout` ms are over. */
export async function waitForAll(jobs: Job[], progress: Progress, timeout: number): Promise<void> {
  const deadline = Date.now() + timeout;
  const users = [...new Set(jobs.map(({ user }) => user))];
  const follow = async (user: HubClient): Promise<void> => {
    const own = new Map(
      jobs.filter((job) => job.user === user && job.id).map((job) => [job.id as string, job]),
    );
    for (;;) {
      for (const order of await user.all<Order>("/api/orders")) {
        const job = own.get(order.id);
        if (job) job.order = order;
      }
      await Promise.all([...own.values()].filter(isDueToCancel).map(cancel));
      progress.set(jobs.filter(hasEnded).length);
      if ([...own.values()].every(hasEnded) || Date.now() > deadline) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  await Promise.all(users.map(follow));
}

const isDueToCancel = ({ scenario, order, cancelAsked }: Job): boolean =>
  scenario.then === "cancel when active" && order?.status === "ACTIVE" && !cancelAsked;

/** An order that is still to be cancelled has not ended by being active. */
export const hasEnded = ({ scenario, order }: Job): boolean =>
  order !== undefined &&
  isOver(order) &&
  !(scenario.then === "cancel when active" && order.status === "ACTIVE");
