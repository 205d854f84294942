import { AdminPaymentsQuery, SimulatorBody } from "../contracts/api";
import type { CommandOf } from "../contracts/commands";
import { TransientError } from "../contracts/errors";
import {
  askCharge,
  askRefund,
  isToCharge,
  openPayment,
  recordCharge,
  recordRefund,
  type ChargeOutcome,
  type Payment,
} from "../domain/payment";
import type { Outcome } from "../channels/types";
import { aggregates, Aggregates, causeOfMessage, type Stored } from "../mixins/persistence/aggregates";
import { defineService } from "../mixins/define-service";
import { newestFirst } from "../mixins/persistence/paging";
import { answer, bodyOf, queryOf, type HttpContext } from "../mixins/http/request";
import { within } from "../mixins/within";
import { openProvider } from "../providers";
import { reconciler } from "./payments/reconciliation";

/** How long a call to the provider may take before its outcome counts as unknown, in milliseconds. */
const PROVIDER_TIMEOUT_MS = 2_500;

const view = ({ _id: id, amount, currency, status, attempts, reason, createdAt }: Payment) => ({
  id,
  orderId: id,
  amount,
  currency,
  status,
  attempts,
  ...(reason && { reason }),
  createdAt,
});

/** Charges and refunds: at most one charge an order, whatever crashes, retries or comes again. */
export default defineService(({ broker, config, database }) => {
  const payments = new Aggregates<Payment>(broker, "payments", {
    name: "payments",
    indexes: [{ fields: ["-createdAt", "-_id"] }],
  });
  const provider = openProvider(config, database);

  /** The provider's answer, or `unknown` when it does not come in time. */
  async function ask(payment: Payment): Promise<ChargeOutcome> {
    const { _id: idempotencyKey, amount, currency, paymentMethod } = payment;
    const call = provider.charge({ idempotencyKey, amount, currency, paymentMethod: paymentMethod ?? "" });
    // What comes too late is not lost: the next call with this key tells it.
    return within(PROVIDER_TIMEOUT_MS, call, { result: "unknown" });
  }

  async function charge(command: CommandOf<"payments.charge">, payment: Stored<Payment>): Promise<void> {
    const outcome = await ask(payment);
    await payments.change(
      payment._id,
      causeOfMessage(command),
      (state, now) => state && recordCharge(state, outcome, now),
      [payment],
    );
    if (outcome.result === "unknown")
      throw new TransientError("OUTCOME_UNKNOWN", "The provider did not answer in time.");
  }

  /** Stores the intents together, then charges each; each message settles on its own. */
  async function chargeEach(commands: CommandOf<"payments.charge">[]): Promise<Outcome[]> {
    const states = await payments.changeEach(
      commands.map((command) => ({
        id: command.data.orderId,
        cause: causeOfMessage(command),
        isNew: true,
        decide: (state, now) => askCharge(state, command.data, command.correlationId, now),
      })),
    );
    return commands.map((command, i) => {
      const payment = states[i];
      return payment && isToCharge(payment) ? settle(charge(command, payment)) : null;
    });
  }

  async function refund(command: CommandOf<"payments.refund">): Promise<void> {
    const { orderId, amount, currency } = command.data;
    const cause = causeOfMessage(command);
    const payment = await payments.change(orderId, cause, (state, now) =>
      state
        ? askRefund(state, now)
        : {
            state: { ...openPayment(command.data, command.correlationId, now), refundAsked: true },
            messages: [],
          },
    );
    if (payment && (payment.status === "failed" || payment.status === "refunded")) return;
    const outcome = await provider.refund({ idempotencyKey: orderId, amount, currency });
    await payments.change(orderId, cause, (state, now) => state && recordRefund(state, outcome, now));
  }

  const reconciled = reconciler(payments.adapter, provider);
  async function reconciliation() {
    const books = await reconciled();
    return { orders: await broker.call<number>("orders.count"), ...books };
  }

  return {
    name: "payments",
    mixins: [aggregates(payments, [], provider.collections)],
    actions: {
      list: async (ctx: HttpContext) => {
        const { orderId, ...page } = queryOf(ctx, AdminPaymentsQuery);
        const found = await newestFirst("payments", payments.adapter, orderId ? { _id: orderId } : {}, page);
        return { ...found, items: found.items.map(view) };
      },
      reconciliation,
      simulator: async () => provider.settings(),
      setSimulator: async (ctx: HttpContext) =>
        answer(ctx, 200, await provider.set(bodyOf(ctx, SimulatorBody))),
    },
    commands: {
      "payments.charge": { batch: 128, maxInFlight: 1024, handler: chargeEach },
      "payments.refund": {
        batch: 64,
        maxInFlight: 256,
        handler: async (commands: CommandOf<"payments.refund">[]) =>
          commands.map((command) => settle(refund(command))),
      },
    },
  };
});

/** A promise as an outcome: an error is one message's, and no unhandled rejection while others settle. */
const settle = (work: Promise<void>): Promise<null | Error> =>
  work.then(
    () => null,
    (error: Error) => error,
  );
