import { createHash } from "node:crypto";
import type { ServiceBroker } from "moleculer";
import stringify from "safe-stable-stringify";
import type { Config } from "../../config";
import { IdempotencyKey, OneLineOrderBody, OrderBody, type PlanBody } from "../../contracts/api";
import {
  ConflictError,
  FraudSuspectedError,
  IdempotencyKeyReusedError,
  ValidationError,
} from "../../contracts/errors";
import type { SeatLine } from "../../contracts/events";
import { derivedId, newId } from "../../contracts/ids";
import { isSimulatedMethod, PAYMENT_METHODS } from "../../contracts/payment-methods";
import { parse } from "../../contracts/validate";
import { isSuspected } from "../../domain/fraud";
import { mergeLines, placeOrder, rejectOrder, totalOf, type Order, type OrderLine } from "../../domain/order";
import { clock, type Aggregates } from "../../mixins/persistence/aggregates";
import { answer, bodyOf, callerOf, causeOf, type HttpContext } from "../../mixins/http/request";
import { FraudCheck } from "./fraud-check";
import { PlanCache } from "./plan-cache";
import { accepted } from "./views";

/** The way of an order from its request to the 202. */
export class Placing {
  readonly plans: PlanCache;
  private readonly fraud: FraudCheck;

  constructor(
    broker: ServiceBroker,
    private readonly config: Config,
    private readonly orders: Aggregates<Order>,
  ) {
    this.plans = new PlanCache(broker);
    this.fraud = new FraudCheck(broker, config);
  }

  /** Takes an order: checks and prices it, has it scored, stores it with what it sends, and answers. */
  async place(ctx: HttpContext) {
    const { id: userId } = callerOf(ctx);
    const key = ctx.meta.idempotencyKey;
    const bodyHash = key === undefined ? undefined : hash(ctx.params.body);
    const orderId =
      key === undefined
        ? newId()
        : derivedId(
            "order",
            userId,
            parse(IdempotencyKey, key, "The Idempotency-Key takes 1 to 255 visible characters."),
          );
    if (bodyHash) {
      const first = await this.orders.get(orderId);
      if (first) return replay(ctx, first, bodyHash);
    }

    const { items, paymentMethod } = readBody(ctx);
    this.checkMethod(paymentMethod);
    const oneLine = !("items" in (ctx.params.body as object));
    const pointerTo = (planId: string): string =>
      oneLine ? "/planId" : `/items/${items.findIndex((item) => item.planId === planId)}/planId`;
    const lines = await this.price(mergeLines(items), pointerTo);
    const total = totalOf(lines);
    if (!total) throw ValidationError.of("/items", "all lines must have one currency");
    if (!Number.isSafeInteger(total.amount)) throw ValidationError.of("/items", "the total is too large");

    const { amount, currency } = total;
    const cause = causeOf(ctx);
    const ordered = lines.map(({ planId, quantity }) => ({ planId, quantity }));
    const score = await this.fraud.score({ orderId, userId, amount, currency, items: ordered }, cause);
    const input = {
      _id: orderId,
      userId,
      items: lines,
      total,
      paymentMethod,
      review: score === null,
      correlationId: cause.correlationId,
      requestId: cause.id,
      ...(bodyHash && { bodyHash }),
    };
    const suspected = score !== null && isSuspected(score, this.config.FRAUD_LIMIT);
    const decision = suspected ? rejectOrder(input, score, clock()) : placeOrder(input, clock());
    if (!(await this.orders.create(decision, cause))) {
      // The same key came in twice at once: the other was first.
      const first = await this.orders.get(orderId);
      if (first && bodyHash) return replay(ctx, first, bodyHash);
      throw new ConflictError("WRITE_CONFLICT", "The order could not be stored; try again.");
    }
    if (suspected) throw new FraudSuspectedError(orderId);
    return answer(ctx, 202, accepted(decision.state), { Location: `/api/orders/${orderId}` });
  }

  /** The lines of an order at today's prices; `pointerTo` says where in the body a plan is named. */
  private async price(lines: SeatLine[], pointerTo: (planId: string) => string): Promise<OrderLine[]> {
    const found = await this.plans.get(lines.map(({ planId }) => planId));
    return lines.map(({ planId, quantity }) => {
      const plan: PlanBody | undefined = found.get(planId);
      if (!plan) throw ValidationError.of(pointerTo(planId), `there is no plan ${planId}`);
      return { planId, quantity, unitPrice: plan.price, interval: plan.interval };
    });
  }

  private checkMethod(method: string): void {
    if (this.config.PAYMENT_PROVIDER === "simulated" && !isSimulatedMethod(method))
      throw ValidationError.of("/paymentMethod", `takes ${Object.keys(PAYMENT_METHODS).join(", ")}`);
  }
}

function readBody(ctx: HttpContext): OrderBody {
  const body = ctx.params.body;
  if (typeof body !== "object" || body === null || "items" in body || !("planId" in body))
    return bodyOf(ctx, OrderBody);
  const { planId, quantity = 1, paymentMethod } = bodyOf(ctx, OneLineOrderBody);
  return { items: [{ planId, quantity }], paymentMethod };
}

/** The first answer of a repeated Idempotency-Key. */
function replay(ctx: HttpContext, first: Order, bodyHash: string) {
  if (first.bodyHash !== bodyHash) throw new IdempotencyKeyReusedError();
  ctx.meta.$responseHeaders = { "Idempotent-Replayed": "true" };
  if (first.status === "REJECTED") throw new FraudSuspectedError(first._id);
  return answer(ctx, 202, accepted(first), { Location: `/api/orders/${first._id}` });
}

const hash = (body: unknown): string =>
  createHash("sha256")
    .update(stringify(body) ?? "")
    .digest("base64url");
