import type { HubClient } from "./client";
import { historyAgrees } from "./history";
import type { Job } from "./run";
import type { LimitedPlan } from "./scenarios";

/** One thing that must hold when all orders have ended. */
export interface Check {
  name: string;
  holds: boolean;
  found: string;
}

interface Stock {
  planId: string;
  seats: number | null;
  available: number | null;
  reserved: number;
}

const LIMITED = "demo-limited";
const SETTLE_MS = 15_000;

/** A plan with `free` free seats: made on the first run, given new seats on the next ones. */
export async function limitedPlan(admin: HubClient, free: number): Promise<LimitedPlan> {
  const stock = (await admin.all<Stock>("/api/admin/inventory")).find(({ planId }) => planId === LIMITED);
  const seats = (stock?.reserved ?? 0) + free;
  const plan = { name: "Demo, few seats", price: { amount: 1900, currency: "EUR" }, interval: "month" };
  await admin.ok(
    stock
      ? admin.patch(`/api/admin/plans/${LIMITED}`, { seats })
      : admin.post("/api/admin/plans", { id: LIMITED, ...plan, seats }),
  );
  return { planId: LIMITED, seats: free };
}

/** Whether the books balance. Seats go back a moment after an order is cancelled: so it looks again for a while. */
export async function checkBooks(admin: HubClient, jobs: Job[]): Promise<Check[]> {
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const checks = [await reconciled(admin), await seatsAddUp(admin), await chargedOnce(admin, jobs)];
    if (checks.every(({ holds }) => holds) || Date.now() > deadline)
      return [...checks, await historyAgrees(admin)];
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** The books of payments against the provider's own ledger. */
async function reconciled(admin: HubClient): Promise<Check> {
  const { body } = await admin.ok(
    admin.get<{ orders: number; charges: number; refunds: number; mismatches: unknown[] }>(
      "/api/admin/payments/reconciliation",
    ),
  );
  return {
    name: "payments match the provider's ledger",
    holds: body.mismatches.length === 0,
    found: `${body.orders} orders, ${body.charges} charges, ${body.refunds} refunds, ${body.mismatches.length} mismatches`,
  };
}

async function seatsAddUp(admin: HubClient): Promise<Check> {
  const limited = (await admin.all<Stock>("/api/admin/inventory")).filter(({ seats }) => seats !== null);
  const wrong = limited.filter(
    ({ seats, available, reserved }) =>
      reserved < 0 || (available ?? -1) < 0 || (available ?? 0) + reserved !== seats,
  );
  return {
    name: "available + reserved = seats",
    holds: wrong.length === 0,
    found: limited
      .map(({ planId, seats, available, reserved }) => `${planId} ${available} + ${reserved} = ${seats}`)
      .join(", "),
  };
}

/** What an order's payment must be, by how the order ended; null: there must be none. */
function paymentOf({ status, refund }: NonNullable<Job["order"]>): string | null {
  if (status === "ACTIVE") return "succeeded";
  if (status === "CANCELLED") return refund === "done" ? "refunded" : "failed";
  return status === "PAYMENT_FAILED" ? "failed" : null;
}

/** Each order of this run has the one payment that its end asks for. */
async function chargedOnce(admin: HubClient, jobs: Job[]): Promise<Check> {
  const open = new Set(jobs.map(({ id }) => id));
  const payments = new Map<string, string[]>();
  await admin.all<{ orderId: string; status: string }>("/api/admin/payments", (page) => {
    for (const { orderId, status } of page) {
      open.delete(orderId);
      payments.set(orderId, [...(payments.get(orderId) ?? []), status]);
    }
    // Newest first: an order without a payment is looked for in the first pages only.
    return open.size > 0 && payments.size < 4 * jobs.length;
  });
  const wrong = jobs.filter(({ id, order }) => {
    const found = payments.get(id ?? "") ?? [];
    const expected = order ? paymentOf(order) : null;
    return expected === null ? found.length > 0 : found.length !== 1 || found[0] !== expected;
  });
  return {
    name: "one charge for each paid order, none else",
    holds: wrong.length === 0,
    found: wrong.length === 0 ? `${jobs.length} orders` : `wrong: ${names(wrong)}`,
  };
}

/** The first few ids, and how many more there are. */
export function names(jobs: Job[]): string {
  const shown = jobs.slice(0, 5).map(({ id }) => id);
  return shown.join(", ") + (jobs.length > shown.length ? ` and ${jobs.length - shown.length} more` : "");
}
