import fc from "fast-check";
import type { Draft } from "../../../domain/types";
import {
  askAgain,
  asOf,
  cancelOrder,
  chargeId,
  isCancellable,
  mergeLines,
  nudgeOrder,
  owes,
  placeOrder,
  recordFact,
  refundId,
  rejectOrder,
  standing,
  STEP_DEADLINE_MS,
  subscriptionsOf,
  totalOf,
  type Order,
  type OrderFact,
} from "../../../domain/order";
import { at, fact, NEW_ORDER, newOrder, orderAfter, type Told } from "./facts";

const typesOf = (messages: Draft[] = []) => messages.map((m) => ("event" in m ? m.event : m.command));
const recorded = (told: Told): OrderFact => ({ ...told, recordedAt: told.at }) as OrderFact;

describe("an order that is placed", () => {
  test("tells that it was placed and asks for its money, once", () => {
    const { state, messages } = placeOrder(NEW_ORDER, at(0));
    expect(state).toMatchObject({ status: "PENDING", facts: [], waitingSince: at(0).ms });
    expect(typesOf(messages)).toEqual(["OrderPlaced", "payments.charge"]);
    expect(messages[1]).toMatchObject({ id: chargeId("order-1"), data: { amount: 4700, currency: "EUR" } });
  });

  test("or refused by the fraud check tells that and asks for nothing", () => {
    const { state, messages } = rejectOrder(NEW_ORDER, { score: 0.9, reasons: ["LARGE_TOTAL"] }, at(0));
    expect(state).toMatchObject({ status: "REJECTED", reason: "FRAUD_SUSPECTED" });
    expect(state).not.toHaveProperty("askAt");
    expect(typesOf(messages)).toEqual(["OrderRejected"]);
    expect(isCancellable(state)).toBe(false);
  });
});

describe("given facts, the status is", () => {
  test.each<[string, OrderFact["type"][], object]>([
    ["PENDING with none", [], { status: "PENDING" }],
    ["PAID when it is charged", ["PaymentProcessed"], { status: "PAID" }],
    ["PENDING while seats wait for their money", ["InventoryReserved"], { status: "PENDING" }],
    ["ACTIVE with both", ["PaymentProcessed", "InventoryReserved"], { status: "ACTIVE" }],
    [
      "PAYMENT_FAILED when declined",
      ["PaymentFailed"],
      { status: "PAYMENT_FAILED", reason: "card_declined", refund: "none" },
    ],
    [
      "CANCELLED without seats, refund on its way",
      ["PaymentProcessed", "ProductOutOfStock"],
      { status: "CANCELLED", reason: "OUT_OF_STOCK", refund: "pending" },
    ],
    [
      "CANCELLED with the money back",
      ["PaymentProcessed", "ProductOutOfStock", "PaymentRefunded"],
      { status: "CANCELLED", reason: "OUT_OF_STOCK", refund: "done" },
    ],
    [
      "CANCELLED with nothing to give back",
      ["CancelRequested", "PaymentFailed"],
      { status: "CANCELLED", reason: "CANCELLED_BY_USER", refund: "none" },
    ],
    [
      "CANCELLED by its user although seats lack",
      ["ProductOutOfStock", "CancelRequested"],
      { status: "CANCELLED", reason: "CANCELLED_BY_USER", refund: "pending" },
    ],
    [
      "REJECTED whatever else",
      ["Rejected", "PaymentProcessed"],
      { status: "REJECTED", reason: "FRAUD_SUSPECTED", refund: "none" },
    ],
  ])("%s", (_what, types, expected) => {
    expect(standing(types.map((type) => recorded(fact(type))))).toEqual(expected);
  });
});

describe("a change of status brings about", () => {
  test("a subscription for each line when it becomes ACTIVE", () => {
    const { state, messages } =
      recordFact(orderAfter(fact("PaymentProcessed")), fact("InventoryReserved"), at(5)) ?? {};
    expect(state).toMatchObject({ status: "ACTIVE", activatedAt: at(5).at });
    expect(state).not.toHaveProperty("waitingSince");
    expect(typesOf(messages)).toEqual(["OrderUpdated", "SubscriptionActivated", "SubscriptionActivated"]);
  });

  test("both steps when the news of its seats came before that of its money", () => {
    const { state, messages } =
      recordFact(orderAfter(fact("InventoryReserved")), fact("PaymentProcessed"), at(5)) ?? {};
    expect(state?.status).toBe("ACTIVE");
    expect(messages?.slice(0, 2)).toMatchObject([
      { event: "OrderUpdated", data: { previousStatus: "PENDING", status: "PAID" } },
      { event: "OrderUpdated", data: { previousStatus: "PAID", status: "ACTIVE" } },
    ]);
  });

  test("a refund when seats lack", () => {
    const decision = recordFact(orderAfter(fact("PaymentProcessed")), fact("ProductOutOfStock"), at(5));
    expect(typesOf(decision?.messages)).toEqual(["OrderUpdated", "OrderCancelled", "payments.refund"]);
    expect(decision?.messages[2]).toMatchObject({ id: refundId("order-1") });
  });

  test("a refund when it is cancelled before its charge is known: only the provider knows", () => {
    const decision = cancelOrder(newOrder(), { id: "c", by: "user" }, at(1));
    expect(decision?.state).toMatchObject({ status: "CANCELLED", refund: "pending" });
    expect(typesOf(decision?.messages)).toContain("payments.refund");
  });

  test("nothing when a fact is known already", () => {
    const order = orderAfter(fact("PaymentProcessed"));
    expect(recordFact(order, fact("PaymentProcessed"), at(9))).toBeNull();
  });
});

describe("a cancel", () => {
  test.each<[string, OrderFact["type"][], boolean]>([
    ["PENDING", [], true],
    ["PAID", ["PaymentProcessed"], true],
    ["ACTIVE", ["PaymentProcessed", "InventoryReserved"], true],
    ["PAYMENT_FAILED", ["PaymentFailed"], false],
    ["CANCELLED", ["CancelRequested"], false],
  ])("of an order that is %s", (status, types, can) => {
    const order = orderAfter(...types.map((type) => fact(type)));
    expect(order.status).toBe(status);
    expect(cancelOrder(order, { id: "again", by: "admin" }, at(9)) !== null).toBe(can);
  });
});

describe("an order that waits too long", () => {
  test("asks for its charge again, under the same id, and later each time", () => {
    let order = newOrder();
    const gaps: number[] = [];
    for (let i = 0; i < 8; i++) {
      const decision = askAgain(order, at(100 * i));
      expect(decision?.messages).toMatchObject([{ command: "payments.charge", id: chargeId("order-1") }]);
      order = decision?.state ?? order;
      gaps.push((order.askAt ?? 0) - at(100 * i).ms);
    }
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(600_000);
    expect(order.waitingSince).toBe(at(0).ms);
  });

  test("asks for its refund again when it is cancelled", () => {
    const decision = askAgain(orderAfter(fact("CancelRequested")), at(60));
    expect(typesOf(decision?.messages)[0]).toBe("payments.refund");
  });

  test("tells again that it is cancelled, until its seats are back", () => {
    const refunded = orderAfter(
      fact("PaymentProcessed"),
      fact("InventoryReserved"),
      fact("CancelRequested"),
      fact("PaymentRefunded"),
    );
    const told = { OrderCancelled: { eventId: "e1" } } as unknown as Order["told"];
    expect([refunded.refund, owes(refunded), refunded.waitingSince]).toEqual(["done", "inventory", at(4).ms]);
    const decision = askAgain({ ...refunded, told }, at(60));
    expect([decision?.messages, decision?.again]).toEqual([[], [{ eventId: "e1" }]]);

    const released = recordFact(refunded, fact("InventoryReleased"), at(61))?.state;
    expect(released && owes(released)).toBeNull();
    expect(released).not.toHaveProperty("askAt");
  });

  test.each<[string, OrderFact["type"][], object]>([
    ["has heard nothing of its seats", ["PaymentProcessed"], { owes: "inventory" }],
    ["has heard of the refund alone", [], { owes: "inventory" }],
    ["hears later that they were reserved", ["PaymentProcessed", "InventoryReserved"], { owes: "inventory" }],
    ["knows that they are back", ["PaymentProcessed", "InventoryReleased"], { owes: null }],
    ["knows that it has none", ["PaymentProcessed", "ProductOutOfStock"], { owes: null }],
  ])("that was cancelled and paid back and %s: whether it waits for inventory", (_what, heard, expected) => {
    const order = orderAfter(
      fact("CancelRequested"),
      fact("PaymentRefunded"),
      ...heard.map((type) => fact(type)),
    );
    const told = { OrderCancelled: { eventId: "e1" } } as unknown as Order["told"];
    const asked = askAgain({ ...order, told }, at(60));
    expect({ owes: owes(order) }).toEqual(expected);
    expect(order.askAt).toBe(owes(order) ? at(2).ms + STEP_DEADLINE_MS : undefined);
    expect(asked?.again ?? null).toEqual(owes(order) && [{ eventId: "e1" }]);
  });

  test("waits for nothing when it was cancelled and never charged", () => {
    const order = orderAfter(fact("CancelRequested"), fact("PaymentFailed"));
    expect([order.status, owes(order)]).toEqual(["CANCELLED", null]);
  });

  test("asks for nothing when it is over", () => {
    expect(askAgain(orderAfter(fact("PaymentFailed")), at(60))).toBeNull();
    expect(askAgain(orderAfter(fact("PaymentProcessed"), fact("InventoryReserved")), at(60))).toBeNull();
  });

  test("waits anew after each step", () => {
    const order = orderAfter(fact("PaymentProcessed"));
    expect([owes(order), order.askAt]).toEqual(["inventory", at(1).ms + STEP_DEADLINE_MS]);
  });
});

describe("an order that is nudged", () => {
  test("asks for its step at once under the same id, however often it has asked, and tells who had it asked", () => {
    const asked = { ...orderAfter(), asked: 9, askAt: at(9_000).ms };
    const decision = nudgeOrder(asked, { by: "ada" }, at(100));
    expect(typesOf(decision?.messages)).toEqual(["payments.charge", "OrderNudged"]);
    expect(decision?.messages[0]?.id).toBe(chargeId("order-1"));
    expect(decision?.messages[1]?.data).toMatchObject({ by: "ada", owes: "payments" });
    expect(decision?.state).toMatchObject({ asked: 10, askAt: at(100).ms + STEP_DEADLINE_MS });
  });

  test("names who owes the seats, or the money that goes back", () => {
    const owing = (...facts: Told[]) =>
      nudgeOrder(orderAfter(...facts), { by: "ada" }, at(60))?.messages.at(-1)?.data;
    expect(owing(fact("PaymentProcessed"))).toMatchObject({ owes: "inventory" });
    expect(owing(fact("CancelRequested"))).toMatchObject({ owes: "payments" });
  });

  test("and is over is left alone", () => {
    expect(nudgeOrder(orderAfter(fact("PaymentFailed")), { by: "ada" }, at(60))).toBeNull();
  });
});

describe("asOf", () => {
  const order = orderAfter(fact("PaymentProcessed"), fact("InventoryReserved"), fact("CancelRequested"));

  test.each([
    [0, "PENDING"],
    [1, "PAID"],
    [2, "ACTIVE"],
    [3, "CANCELLED"],
    [99, "CANCELLED"],
  ])("%d s after it was placed the order is %s", (seconds, status) => {
    const then = asOf(order, at(seconds).at);
    expect(then?.status).toBe(status);
    expect(then?.activatedAt).toBe(seconds >= 2 ? at(2).at : undefined);
  });

  test("before it was placed there is none", () => {
    expect(asOf(order, at(-0.001).at)).toBeNull();
  });
});

test("subscriptions last as long as their plan's interval, to the last day of a short month", () => {
  const [first] = subscriptionsOf(orderAfter(fact("PaymentProcessed"), fact("InventoryReserved")));
  expect(first).toMatchObject({
    planId: "basic",
    quantity: 2,
    status: "ACTIVE",
    currentPeriodEnd: "2026-02-28T12:00:02.000Z",
  });
  expect(subscriptionsOf(newOrder())).toEqual([]);
});

test("lines of one plan are one, prices add up, currencies must agree", () => {
  const lines = [
    { planId: "a", quantity: 1 },
    { planId: "b", quantity: 2 },
    { planId: "a", quantity: 3 },
  ];
  expect(mergeLines(lines)).toEqual([
    { planId: "a", quantity: 4 },
    { planId: "b", quantity: 2 },
  ]);
  expect(totalOf(NEW_ORDER.items)).toEqual({ amount: 4700, currency: "EUR" });
  const dollars = { planId: "c", quantity: 1, unitPrice: { amount: 1, currency: "USD" } };
  expect(totalOf([...NEW_ORDER.items, dollars])).toBeNull();
});

describe("whatever order facts come in, and however often", () => {
  /** What the services can tell of one order: the payment goes one way, and so do the seats. */
  const stories: OrderFact["type"][][] = [
    ["PaymentProcessed", "InventoryReserved"],
    ["PaymentFailed"],
    ["PaymentProcessed", "ProductOutOfStock", "PaymentRefunded"],
    ["PaymentProcessed", "InventoryReserved", "CancelRequested", "InventoryReleased", "PaymentRefunded"],
    ["CancelRequested", "PaymentFailed"],
    ["PaymentProcessed", "CancelRequested", "PaymentRefunded", "ProductOutOfStock"],
    ["CancelRequested", "PaymentRefunded", "InventoryReleased"],
  ];
  const tellings = fc.constantFrom(...stories).chain((types) =>
    fc.tuple(
      fc.constant(types),
      fc
        .array(fc.constantFrom(...types), { maxLength: 6 })
        .chain((repeats) =>
          fc.shuffledSubarray([...types, ...repeats], { minLength: types.length + repeats.length }),
        ),
    ),
  );

  test("the order stands the same", () => {
    fc.assert(
      fc.property(tellings, ([types, told]) => {
        const { status, reason, refund } = orderAfter(...told.map((type) => fact(type)));
        const { status: s, reason: r, refund: f } = orderAfter(...types.map((type) => fact(type)));
        expect({ status, reason, refund }).toEqual({ status: s, reason: r, refund: f });
      }),
    );
  });

  test("an order that knows its whole story waits for nobody, and a cancelled one that misses a fact does", () => {
    fc.assert(
      fc.property(tellings, fc.nat(), ([types, told], n) => {
        expect(owes(orderAfter(...told.map((type) => fact(type))))).toBeNull();
        const lost = types[n % types.length];
        const rest = orderAfter(...told.filter((type) => type !== lost).map((type) => fact(type)));
        const answers = ["PaymentRefunded", "InventoryReleased", "ProductOutOfStock"];
        if (rest.status === "CANCELLED" && answers.includes(lost ?? "")) expect(owes(rest)).not.toBeNull();
      }),
    );
  });

  test("the same fact by two events stands as by one", () => {
    fc.assert(
      fc.property(tellings, ([types, told]) => {
        const twice = told.map((type, i) => fact(type, `${type}-${i}`));
        expect(standing(twice.map(recorded))).toEqual(standing(types.map((type) => recorded(fact(type)))));
      }),
    );
  });

  test("a refund is asked for exactly when money may have been taken and the order is cancelled", () => {
    fc.assert(
      fc.property(tellings, ([, told]) => {
        let order = newOrder();
        const sent: string[] = [];
        told.forEach((type, i) => {
          const decision = recordFact(order, fact(type), at(i + 1));
          if (!decision) return;
          order = decision.state;
          sent.push(...typesOf(decision.messages));
        });
        const refunds = sent.filter((type) => type === "payments.refund").length;
        expect(refunds).toBeLessThanOrEqual(1);
        if (order.status === "CANCELLED" && order.refund === "pending") expect(refunds).toBe(1);
        expect(sent.filter((type) => type === "OrderCancelled").length).toBe(
          order.status === "CANCELLED" ? 1 : 0,
        );
      }),
    );
  });
});
