/** Who the fuzz is, and what lies in the hub before it begins: lists of nothing would prove nothing. */

export const ADMIN = { email: "admin@hub.test", password: "an admin's password" };
const USER = { email: "user@hub.test", password: "a user's password", name: "User" };

const PATIENCE_MS = 20_000;
const METHODS = ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_visa"];
const LIMITED = {
  id: "limited",
  name: "Limited",
  price: { amount: 1500, currency: "EUR" },
  interval: "month",
  seats: 1,
};

export interface People {
  /** Access tokens. */
  user: string;
  admin: string;
}

/** Orders of each fate, a notification for each, a dead letter, a plan without a seat left. */
export async function stock(url: string): Promise<People> {
  async function call<T>(method: string, path: string, token?: string, body?: object): Promise<T> {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : null) as T;
  }

  async function until(is: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + PATIENCE_MS; !(await is());) {
      if (Date.now() > deadline) throw new Error("The hub did not come to what the fuzz needs.");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  const { accessToken: user } = await call<{ accessToken: string }>("POST", "/api/auth/register", "", USER);
  const { accessToken: admin } = await call<{ accessToken: string }>("POST", "/api/auth/login", "", ADMIN);
  const order = (planId: string, paymentMethod: string) =>
    call<{ id: string }>("POST", "/api/orders", user, { planId, paymentMethod });

  await call("POST", "/api/admin/plans", admin, LIMITED);
  for (const method of METHODS) await order("basic", method);
  for (let i = 0; i < 2; i++) await order(LIMITED.id, "pm_card_visa");
  const { id } = await order("basic", "pm_card_visa");
  await call("POST", `/api/orders/${id}/cancel`, user);
  await until(async () => {
    const { orders } = await call<{ orders: Record<string, number> }>("GET", "/api/admin/stats", admin);
    return !orders.PENDING && !orders.PAID;
  });

  await call("PUT", "/api/admin/simulator", admin, { mode: "broken" });
  await order("basic", "pm_card_visa");
  await until(async () => {
    const { deadLetters } = await call<{ deadLetters: number }>("GET", "/api/admin/stats", admin);
    return deadLetters > 0;
  });
  await call("PUT", "/api/admin/simulator", admin, { mode: "normal" });
  return { user, admin };
}
