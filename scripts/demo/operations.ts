import type { HubClient } from "./client";
import type { Order } from "./scenarios";

interface Simulator {
  mode: string;
  latencyMs?: number;
}
interface DeadLetter {
  id: string;
  payload: { data: Record<string, unknown> };
}

const ORDERS = 5;
const TIMEOUT_MS = 20_000;

/**
 * Breaks the payment provider for a moment, so that an operator's work can be seen: of five orders whose
 * charge becomes a dead letter one is edited and sent again, two are sent again together, one is discarded
 * and cancelled, and one is left. Returns what to look at; nothing where the provider cannot be broken.
 */
export async function showOperations(admin: HubClient, users: HubClient[]): Promise<string[]> {
  const before = await admin.get<Simulator>("/api/admin/simulator");
  if (before.status >= 400) return [];
  const { mode, latencyMs } = before.body;
  const simulate = (to: string) => admin.ok(admin.put("/api/admin/simulator", { mode: to, latencyMs }));

  await simulate("broken");
  let letters: DeadLetter[];
  let ids: string[];
  try {
    // The first one's card would be declined: its dead letter is edited into one that pays.
    const cardOf = (i: number) => (i === 0 ? "pm_card_chargeDeclined" : "pm_card_visa");
    ids = await Promise.all(
      Array.from({ length: ORDERS }, (_, i) => placeWith(users[i % users.length], cardOf(i))),
    );
    letters = await Promise.all(ids.map((id) => letterOf(admin, id)));
  } finally {
    await simulate(mode);
  }

  const [edited, , , discarded] = letters as [DeadLetter, DeadLetter, DeadLetter, DeadLetter];
  const path = "/api/admin/dead-letters";
  const { payload } = edited;
  const data = { ...payload.data, paymentMethod: "pm_card_visa" };
  await admin.ok(admin.post(`${path}/${edited.id}/redrive`, { payload: { ...payload, data } }));
  await admin.ok(admin.post(`${path}/${discarded.id}/discard`, { reason: "the demo gives this one up" }));
  await admin.ok(admin.post(`/api/admin/orders/${ids[3]}/cancel`));
  for (const id of ids.slice(1, 3))
    await admin.ok(admin.post("/api/admin/redrives", { key: id, perSecond: 5 }));
  await Promise.all(ids.slice(0, 3).map((id) => becomes(admin, id, "ACTIVE")));
  await becomes(admin, ids[3], "CANCELLED");

  return [
    `order ${ids[0]}: its dead letter was edited (another card) and sent again`,
    `orders ${ids[1]} and ${ids[2]}: sent again by redrives of many`,
    `order ${ids[3]}: its dead letter was discarded, the order cancelled`,
    `order ${ids[4]}: its dead letter is open, and the order counts as stuck from 20 s on: it is yours`,
  ];
}

async function placeWith(user: HubClient | undefined, paymentMethod: string): Promise<string> {
  if (!user) throw new Error("The demo needs a user.");
  const body = { planId: "basic", paymentMethod };
  const { body: order } = await user.ok(user.post<{ id: string }>("/api/orders", body));
  return order.id;
}

const letterOf = (admin: HubClient, orderId: string): Promise<DeadLetter> =>
  soon(`the dead letter of ${orderId}`, async () => {
    const { body } = await admin.ok(
      admin.get<{ items: DeadLetter[] }>(`/api/admin/dead-letters?status=open&key=${orderId}`),
    );
    return body.items[0];
  });

const becomes = (admin: HubClient, id: string | undefined, status: string): Promise<true> =>
  soon(`order ${id} to be ${status}`, async () => {
    const { body } = await admin.ok(admin.get<Order>(`/api/admin/orders/${id}`));
    return body.status === status && body.refund !== "pending" ? true : undefined;
  });

async function soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
