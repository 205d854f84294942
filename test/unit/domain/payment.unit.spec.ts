import fc from "fast-check";
import {
  askCharge,
  askRefund,
  isOpen,
  openPayment,
  reconcile,
  recordCharge,
  recordRefund,
  tellAgain,
  type BookEntry,
  type ChargeOutcome,
  type Payment,
  type RefundOutcome,
} from "../../../domain/payment";
import type { Decision } from "../../../domain/types";
import { at } from "./facts";

const opened = (): Payment =>
  openPayment({ orderId: "o", userId: "u", amount: 100, currency: "EUR" }, "trace", at(0));

const eventsOf = (decision: Decision<Payment> | null) =>
  (decision?.messages ?? []).map((draft) => ("event" in draft ? draft.event : draft.command));

describe("given a payment that is open, when the provider says", () => {
  test.each<[string, ChargeOutcome, string, string[]]>([
    ["succeeded", { result: "succeeded" }, "succeeded", ["PaymentProcessed"]],
    ["declined", { result: "declined", reason: "card_declined" }, "failed", ["PaymentFailed"]],
    ["voided", { result: "voided" }, "failed", ["PaymentFailed"]],
    ["unknown", { result: "unknown" }, "unknown", []],
  ])("%s", (_what, outcome, status, events) => {
    const decision = recordCharge(opened(), outcome, at(1));
    expect(decision?.state).toMatchObject({ status });
    expect(eventsOf(decision)).toEqual(events);
  });
});

test("an unknown outcome stays open until it is known", () => {
  const unknown = recordCharge(opened(), { result: "unknown" }, at(1))?.state ?? opened();
  expect(isOpen(unknown)).toBe(true);
  expect(tellAgain(unknown)).toBeNull();
  const known = recordCharge(unknown, { result: "succeeded" }, at(2));
  expect(known?.state).toMatchObject({ status: "succeeded" });
});

describe("each call to the provider is counted before it is made", () => {
  const request = {
    orderId: "o",
    userId: "u",
    amount: 100,
    currency: "EUR",
    paymentMethod: "pm_card_visa",
    items: [],
  };
  const ask = (payment: Payment | null) => askCharge(payment, request, "trace", at(1));

  test("the first and each repeat while the outcome is open", () => {
    const first = ask(null)?.state ?? opened();
    expect(first).toMatchObject({ attempts: 1, paymentMethod: "pm_card_visa", status: "pending" });
    expect(ask(first)?.state).toMatchObject({ attempts: 2 });
  });

  test("not one that is not made: the outcome is known, or the order is over", () => {
    const paid = recordCharge(ask(null)?.state ?? opened(), { result: "succeeded" }, at(2))?.state;
    expect(ask(paid ?? null)?.state.attempts ?? paid?.attempts).toBe(1);
    const over = askRefund(opened(), at(2))?.state ?? null;
    expect(ask(over)).toBeNull();
  });
});

test("a refund of what was never charged tells that it never will be", () => {
  const decision = recordRefund(opened(), { result: "voided" }, at(1));
  expect(decision?.state).toMatchObject({ status: "failed", reason: "CANCELLED" });
  expect(eventsOf(decision)).toEqual(["PaymentFailed"]);
});

test("charges and refunds in any order, any number of times, tell at most one charge and at most one refund", () => {
  const outcome = fc.constantFrom<ChargeOutcome | (RefundOutcome & { refund: true })>(
    { result: "succeeded" },
    { result: "declined", reason: "card_declined" },
    { result: "voided" },
    { result: "unknown" },
    { result: "refunded", refund: true },
    { result: "voided", refund: true },
  );
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 12 }), (outcomes) => {
      let payment = opened();
      const told: string[] = [];
      for (const step of outcomes) {
        const decision =
          "refund" in step ? recordRefund(payment, step, at(1)) : recordCharge(payment, step, at(1));
        if (!decision) continue;
        // Only a known outcome ends; what has ended stays as it is, but for a charge that is given back.
        if (!isOpen(payment) && payment.status !== "succeeded") expect(decision.state).toBe(payment);
        payment = decision.state;
        told.push(...eventsOf(decision));
      }
      for (const event of ["PaymentProcessed", "PaymentRefunded", "PaymentFailed"])
        expect(told.filter((type) => type === event).length).toBeLessThanOrEqual(1);
      if (payment.status === "refunded") expect(told.at(-1)).toBe("PaymentRefunded");
    }),
  );
});

describe("reconciliation", () => {
  const entry = (orderId: string, status: string, amount = 100): BookEntry => ({ orderId, status, amount });

  test("finds nothing where both agree", () => {
    const books = [entry("a", "succeeded"), entry("b", "refunded"), entry("c", "failed")];
    expect(
      reconcile(books, [entry("b", "refunded"), entry("a", "succeeded"), entry("c", "declined")]),
    ).toEqual([]);
  });

  test.each<[string, BookEntry[], BookEntry[], string, string]>([
    ["a charge that the provider does not know", [entry("a", "succeeded")], [], "succeeded 100", "nothing"],
    ["a charge that the books do not know", [], [entry("a", "succeeded")], "nothing", "succeeded 100"],
    [
      "another amount",
      [entry("a", "succeeded", 1)],
      [entry("a", "succeeded", 2)],
      "succeeded 1",
      "succeeded 2",
    ],
    [
      "a refund on one side",
      [entry("a", "refunded")],
      [entry("a", "succeeded")],
      "refunded 100",
      "succeeded 100",
    ],
    [
      "a charge of what was declined",
      [entry("a", "failed")],
      [entry("a", "succeeded")],
      "nothing",
      "succeeded 100",
    ],
  ])("finds %s", (_what, books, ledger, expected, found) => {
    expect(reconcile(books, ledger)).toEqual([{ orderId: "a", expected, found }]);
  });
});
