/** An order as the hub shows it to its user. */
export interface Order {
  id: string;
  status: string;
  reason?: string;
  refund?: "none" | "pending" | "done";
  createdAt: string;
  updatedAt: string;
}

export interface OrderBody {
  items: { planId: string; quantity: number }[];
  paymentMethod: string;
}

/** Something that people do with orders, and what must come of it. */
export interface Scenario {
  name: string;
  /** How many orders. */
  orders: number;
  body: OrderBody;
  /** What is done beside placing it. */
  then?: "cancel at once" | "cancel when active" | "send it again";
  /** How many orders end in which outcome (see `outcomeOf`). */
  expected: Record<string, number>;
  /** Where an outcome depends on what others hold: whether this is right. */
  allows?(found: Record<string, number>): boolean;
}

const OVER = ["ACTIVE", "PAYMENT_FAILED", "REJECTED", "CANCELLED"];

export const isOver = ({ status, refund }: Order): boolean => OVER.includes(status) && refund !== "pending";

/** An order's end in a word or two: the status, and whether money went back. */
export const outcomeOf = ({ status, refund }: Order): string =>
  status === "CANCELLED" && refund === "done" ? "CANCELLED, refunded" : status;

/** Which plan has few seats, and how many of them are free; unknown without an administrator. */
export interface LimitedPlan {
  planId: string;
  seats?: number;
}

const one = (planId: string, paymentMethod: string, quantity = 1): OrderBody => ({
  items: [{ planId, quantity }],
  paymentMethod,
});

/** A mix of about `total` orders. */
export function scenarios(total: number, limited: LimitedPlan): Scenario[] {
  const share = (percent: number): number => Math.max(1, Math.round((total * percent) / 100));
  const all = (percent: number, outcome: string) => ({
    orders: share(percent),
    expected: { [outcome]: share(percent) },
  });
  return [
    { name: "paid by card", body: one("basic", "pm_card_visa"), ...all(32, "ACTIVE") },
    {
      name: "two plans in one order",
      body: {
        items: [
          { planId: "basic", quantity: 3 },
          { planId: "pro", quantity: 2 },
        ],
        paymentMethod: "pm_card_visa",
      },
      ...all(10, "ACTIVE"),
    },
    {
      name: "card declined",
      body: one("pro", "pm_card_chargeDeclined"),
      ...all(8, "PAYMENT_FAILED"),
    },
    {
      name: "insufficient funds",
      body: one("pro", "pm_card_chargeDeclinedInsufficientFunds"),
      ...all(6, "PAYMENT_FAILED"),
    },
    { name: "provider fails twice", body: one("basic", "pm_sim_flaky"), ...all(5, "ACTIVE") },
    { name: "provider answers late", body: one("basic", "pm_sim_timeout"), ...all(4, "ACTIVE") },
    fewSeats(share(8), limited),
    {
      name: "cancelled at once",
      body: one("pro", "pm_card_visa"),
      then: "cancel at once",
      ...all(8, "CANCELLED"),
      // Whether money went back depends on how far the charge was.
      allows: (found) => Object.keys(found).every((outcome) => outcome.startsWith("CANCELLED")),
    },
    {
      name: "cancelled when active",
      body: one("pro", "pm_card_visa"),
      then: "cancel when active",
      ...all(7, "CANCELLED, refunded"),
    },
    { name: "too large (fraud)", body: one("business", "pm_card_visa", 4), ...all(4, "REJECTED") },
    {
      name: "sent again, same key",
      body: one("basic", "pm_card_visa"),
      then: "send it again",
      ...all(8, "ACTIVE"),
    },
  ];
}

/** More orders than seats: some get them, the others get their money back. */
function fewSeats(orders: number, { planId, seats }: LimitedPlan): Scenario {
  const name = "more orders than seats";
  if (seats !== undefined) {
    const late = orders - seats;
    const expected = { ACTIVE: Math.min(orders, seats), ...(late > 0 && { "CANCELLED, refunded": late }) };
    return { name, orders, body: one(planId, "pm_card_visa"), expected };
  }
  // 20 of 25 seats each: at most one order can have them, whatever others hold.
  return {
    name,
    orders: 3,
    body: one(planId, "pm_card_visa", 20),
    expected: { ACTIVE: 1, "CANCELLED, refunded": 2 },
    allows: ({ ACTIVE = 0, "CANCELLED, refunded": cancelled = 0 }) => ACTIVE <= 1 && ACTIVE + cancelled === 3,
  };
}
