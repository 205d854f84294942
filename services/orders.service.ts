import { createHash } from "node:crypto";
import type { Context } from "moleculer";
import stringify from "safe-stable-stringify";
import {
  AdminOrdersQuery,
  AsOfQuery,
  IdempotencyKey,
  OneLineOrderBody,
  OrderBody,
  PageQuery,
  type PlanBody,
} from "../contracts/api";
import { messageId } from "../contracts/envelope";
import {
  ConflictError,
  FraudSuspectedError,
  IdempotencyKeyReusedError,
  NotFoundError,
  ValidationError,
} from "../contracts/errors";
import type { HubEvent, SeatLine } from "../contracts/events";
import { derivedId, newId } from "../contracts/ids";
import { isSimulatedMethod, PAYMENT_METHODS } from "../contracts/payment-methods";
import { parse } from "../contracts/validate";
import { factOf } from "../domain/facts";
import { isSuspected } from "../domain/fraud";
import {
  askAgain,
  asOf,
  byStatus,
  cancelOrder,
  mergeLines,
  nudgeOrder,
  owedCommand,
  owes,
  placeOrder,
  recordFact,
  rejectOrder,
  STEP_DEADLINE_MS,
  subscriptionsOf,
  totalOf,
  type Order,
  type OrderLine,
} from "../domain/order";
import { forOwner, timelineOf } from "../domain/timeline";
import { aggregates, Aggregates, clock } from "../mixins/aggregates";
import { defineService, listener } from "../mixins/hub";
import { countedOnce } from "../mixins/numbers";
import { decodeCursor, encodeCursor, limitOf, newestFirst, upwards } from "../mixins/paging";
import { answer, bodyOf, callerOf, causeOf, idOf, queryOf, type HttpContext } from "../mixins/request";
import { Sweep } from "../mixins/sweep";
import { FraudCheck } from "./orders/fraud-check";
import { PlanCache } from "./orders/plan-cache";

/** How many overdue orders ask again in a second, at most; and at least, while many facts come in. */
const ASK_LIMIT = 200;
const ASK_LEAST = 10;

const line = ({ planId, quantity, unitPrice }: OrderLine) => ({ planId, quantity, unitPrice });

function view(order: Order) {
  const {
    _id: id,
    userId,
    status,
    items,
    total,
    reason,
    refund,
    review,
    createdAt,
    updatedAt,
    facts,
  } = order;
  return {
    id,
    userId,
    status,
    items: items.map(line),
    total,
    ...(reason && { reason }),
    ...(refund && { refund }),
    ...(review && { review }),
    createdAt,
    updatedAt,
    version: facts.length + 1,
  };
}

/** The 202, and the same again for a repeated Idempotency-Key, whatever has become of the order since. */
const accepted = ({ _id: id, items, total, createdAt }: Order) => ({
  id,
  status: "PENDING",
  items: items.map(line),
  total,
  createdAt,
});

/** Orders and the subscriptions that they start. */
export default defineService(({ broker, config }) => {
  const orders = new Aggregates<Order>(broker, "orders", {
    name: "orders",
    indexes: [
      { fields: ["userId", "-createdAt", "-_id"] },
      { fields: ["status", "-createdAt", "-_id"] },
      { fields: ["-createdAt", "-_id"] },
      { fields: ["userId", "-activatedAt", "-_id"], sparse: true },
      { fields: ["askAt"], sparse: true },
      { fields: ["waitingSince"], sparse: true },
      // Revenue is read from the index alone.
      { fields: ["status", "total.currency", "total.amount"] },
    ],
  });
  const plans = new PlanCache(broker);
  const fraud = new FraudCheck(broker, config);

  /** The lines of an order at today's prices; `pointerTo` says where in the body a plan is named. */
  async function price(lines: SeatLine[], pointerTo: (planId: string) => string): Promise<OrderLine[]> {
    const found = await plans.get(lines.map(({ planId }) => planId));
    return lines.map(({ planId, quantity }) => {
      const plan: PlanBody | undefined = found.get(planId);
      if (!plan) throw ValidationError.of(pointerTo(planId), `there is no plan ${planId}`);
      return { planId, quantity, unitPrice: plan.price, interval: plan.interval };
    });
  }

  function readBody(ctx: HttpContext): OrderBody {
    const body = ctx.params.body;
    if (typeof body !== "object" || body === null || "items" in body || !("planId" in body))
      return bodyOf(ctx, OrderBody);
    const { planId, quantity = 1, paymentMethod } = bodyOf(ctx, OneLineOrderBody);
    return { items: [{ planId, quantity }], paymentMethod };
  }

  function checkMethod(method: string): void {
    if (config.PAYMENT_PROVIDER === "simulated" && !isSimulatedMethod(method))
      throw ValidationError.of("/paymentMethod", `takes ${Object.keys(PAYMENT_METHODS).join(", ")}`);
  }

  /** The first answer of a repeated Idempotency-Key. */
  function replay(ctx: HttpContext, first: Order, bodyHash: string) {
    if (first.bodyHash !== bodyHash) throw new IdempotencyKeyReusedError();
    ctx.meta.$responseHeaders = { "Idempotent-Replayed": "true" };
    if (first.status === "REJECTED") throw new FraudSuspectedError(first._id);
    return answer(ctx, 202, accepted(first), { Location: `/api/orders/${first._id}` });
  }

  async function place(ctx: HttpContext) {
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
      const first = await orders.get(orderId);
      if (first) return replay(ctx, first, bodyHash);
    }

    const { items, paymentMethod } = readBody(ctx);
    checkMethod(paymentMethod);
    const oneLine = !("items" in (ctx.params.body as object));
    const pointerTo = (planId: string): string =>
      oneLine ? "/planId" : `/items/${items.findIndex((item) => item.planId === planId)}/planId`;
    const lines = await price(mergeLines(items), pointerTo);
    const total = totalOf(lines);
    if (!total) throw ValidationError.of("/items", "all lines must have one currency");
    if (!Number.isSafeInteger(total.amount)) throw ValidationError.of("/items", "the total is too large");

    const { amount, currency } = total;
    const cause = causeOf(ctx);
    const ordered = lines.map(({ planId, quantity }) => ({ planId, quantity }));
    const score = await fraud.score({ orderId, userId, amount, currency, items: ordered }, cause);
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
    const suspected = score !== null && isSuspected(score, config.FRAUD_LIMIT);
    const decision = suspected ? rejectOrder(input, score, clock()) : placeOrder(input, clock());
    if (!(await orders.create(decision, cause))) {
      // The same key came in twice at once: the other was first.
      const first = await orders.get(orderId);
      if (first && bodyHash) return replay(ctx, first, bodyHash);
      throw new ConflictError("WRITE_CONFLICT", "The order could not be stored; try again.");
    }
    if (suspected) throw new FraudSuspectedError(orderId);
    return answer(ctx, 202, accepted(decision.state), { Location: `/api/orders/${orderId}` });
  }

  /** One's own order. @throws NotFoundError also when it is another's */
  async function own(ctx: HttpContext): Promise<Order> {
    const order = await orders.get(idOf(ctx));
    if (!order || order.userId !== callerOf(ctx).id) throw new NotFoundError("order");
    return order;
  }

  async function cancel(ctx: HttpContext, id: string, by: "user" | "admin") {
    const cause = causeOf(ctx);
    let refused = false;
    const order = await orders.change(id, cause, (state, now) => {
      const decision = state && cancelOrder(state, { id: cause.id, by }, now);
      refused = decision === null;
      return decision;
    });
    if (!order) throw new NotFoundError("order");
    if (refused) throw new ConflictError("NOT_CANCELLABLE", `The order is ${order.status}: it is over.`);
    return answer(ctx, 202, view(order));
  }

  /** Asks for an order's step now, on an operator's word; the dead letters do not hold it back. */
  async function nudge(ctx: HttpContext) {
    const { id: by } = callerOf(ctx);
    let refused = false;
    const order = await orders.change(idOf(ctx), causeOf(ctx), (state, now) => {
      const decision = state && nudgeOrder(state, { by }, now);
      refused = decision === null;
      return decision;
    });
    if (!order) throw new NotFoundError("order");
    if (refused)
      throw new ConflictError("ORDER_OVER", `The order is ${order.status}: nobody owes it a step.`);
    return answer(ctx, 202, view(order));
  }

  /** Orders that wait longer than a step may take, for whom, and whether a dead letter is why. */
  async function stuck(ctx: HttpContext) {
    const query = { waitingSince: { $lte: Date.now() - STEP_DEADLINE_MS } };
    const page = await upwards("stuck", orders.adapter, query, queryOf(ctx, PageQuery), "waitingSince");
    const letters = await lettersOf(page.items);
    const items = page.items.map((order) => ({
      ...view(order),
      owes: owes(order),
      waitingSince: new Date(order.waitingSince ?? 0).toISOString(),
      asked: order.asked ?? 0,
      ...(order.askAt && { askAt: new Date(order.askAt).toISOString() }),
      deadLetter: letters.get(order._id) ?? null,
    }));
    return { ...page, items };
  }

  interface HeldCommand {
    id: string;
    key: string;
    channel: string;
    status: string;
    reason: string;
  }

  /** The dead letters that these orders wait for: each that of the command whose result it waits for. */
  async function lettersOf(waiting: Order[]): Promise<Map<string, Omit<HeldCommand, "key" | "channel">>> {
    const owed = new Map(waiting.map((order) => [order._id, owedCommand(order)]));
    if (owed.size === 0) return new Map();
    const held = await broker.call<HeldCommand[], object>("audit.heldCommands", { keys: [...owed.keys()] });
    return new Map(
      held
        .filter(({ key, channel }) => owed.get(key) === channel)
        .map(({ id, key, status, reason }) => [key, { id, status, reason }]),
    );
  }

  /** Events since it was last asked again: while many come in, what is late is behind others and not lost. */
  let news = 0;

  /** Records what payments and inventory tell. An order that is not there (yet) has nothing to record. */
  async function record(events: HubEvent[]): Promise<void> {
    news += events.length;
    await orders.changeEach(
      events.flatMap((event) => {
        const fact = factOf(event);
        if (!fact) return [];
        const cause = { id: messageId(event), correlationId: event.correlationId };
        return [
          { id: fact.orderId, cause, decide: (order, now) => order && recordFact(order, fact.fact, now) },
        ];
      }),
    );
  }

  /** Asks again for what is overdue. An order whose command lies in the dead letters waits for its operator. */
  async function askForOverdue(): Promise<void> {
    const overdue = await orders.adapter.find({
      query: { askAt: { $lte: Date.now() } },
      sort: "askAt",
      limit: Math.max(ASK_LEAST, ASK_LIMIT - news),
    });
    news = 0;
    if (overdue.length === 0) return;
    const held = await lettersOf(overdue);
    await orders.changeEach(
      overdue.map(({ _id: id, correlationId }) => ({
        id,
        cause: { id: `deadline:${id}`, correlationId },
        decide: (order, now) => {
          const decision = order && (order.askAt ?? Infinity) <= now.ms ? askAgain(order, now) : null;
          if (!decision || !held.has(id)) return decision;
          return { ...decision, state: { ...decision.state, asked: order?.asked ?? 0 }, messages: [] };
        },
      })),
    );
  }

  /** How many orders have each status, and how many are stuck. */
  const counts = countedOnce(async () => {
    const [found, stuck] = await Promise.all([
      orders.adapter.groupBy({ by: "status" }),
      orders.adapter.count({ query: { waitingSince: { $lte: Date.now() - STEP_DEADLINE_MS } } }),
    ]);
    return { orders: byStatus(found.map(({ key, count }) => [String(key), count])), stuck };
  });

  /** What was earned, by currency. */
  const revenue = countedOnce(async () => {
    const query = { status: { $in: ["PAID", "ACTIVE"] } };
    const sums = await orders.adapter.groupBy({ query, by: "total.currency", sum: "total.amount" });
    return sums.map(({ key: currency, sum: amount }) => ({ currency, amount }));
  });

  const sweep = new Sweep(broker, "orders.saga", 1_000, askForOverdue);
  const consume = { batch: 256, maxInFlight: 1024, handler: record };

  return {
    name: "orders",
    mixins: [aggregates(orders), sweep.mixin],
    actions: {
      place,
      list: async (ctx: HttpContext) => {
        const page = await newestFirst(
          "orders",
          orders.adapter,
          { userId: callerOf(ctx).id },
          queryOf(ctx, PageQuery),
        );
        return { ...page, items: page.items.map(view) };
      },
      get: async (ctx: HttpContext) => view(await own(ctx)),
      cancel: async (ctx: HttpContext) => cancel(ctx, (await own(ctx))._id, "user"),
      timeline: async (ctx: HttpContext) => {
        const isAdmin = callerOf(ctx).role === "admin";
        const order = isAdmin ? await orders.get(idOf(ctx)) : await own(ctx);
        if (!order) throw new NotFoundError("order");
        const events = await ctx.call<HubEvent[], object>("audit.ofOrder", { orderId: order._id });
        return timelineOf(order, isAdmin ? events : forOwner(events));
      },
      subscriptions: async (ctx: HttpContext) => {
        const query = queryOf(ctx, PageQuery);
        const limit = limitOf(query);
        // A page may end inside an order: the cursor says how many of its lines were shown.
        const [at, id, shown] =
          query.after === undefined
            ? []
            : decodeCursor(query.after, "subscriptions", ["string", "string", "number"]);
        const after =
          at === undefined
            ? []
            : [{ $or: [{ activatedAt: { $lt: at } }, { activatedAt: at, _id: { $lte: id } }] }];
        const found = await orders.adapter.find({
          query: { $and: [{ userId: callerOf(ctx).id, activatedAt: { $exists: true } }, ...after] },
          sort: ["-activatedAt", "-_id"],
          limit: limit + 2,
        });
        const all = found.flatMap((order) =>
          subscriptionsOf(order)
            .map((item, i) => ({ item, cursor: [order.activatedAt ?? "", order._id, i + 1] as const }))
            .slice(order._id === id ? Number(shown) : 0),
        );
        const page = all.slice(0, limit);
        const last = page.at(-1);
        return {
          items: page.map(({ item }) => item),
          next: all.length > limit && last ? encodeCursor("subscriptions", ...last.cursor) : null,
        };
      },

      adminList: async (ctx: HttpContext) => {
        const { status, userId, ...page } = queryOf(ctx, AdminOrdersQuery);
        const query = { ...(status && { status }), ...(userId && { userId }) };
        const found = await newestFirst("orders", orders.adapter, query, page);
        return { ...found, items: found.items.map(view) };
      },
      adminGet: async (ctx: HttpContext) => {
        const { at } = queryOf(ctx, AsOfQuery);
        const order = await orders.get(idOf(ctx));
        const then = order && at ? asOf(order, at) : order;
        if (!then) throw new NotFoundError("order");
        return view(then);
      },
      adminCancel: async (ctx: HttpContext) => cancel(ctx, idOf(ctx), "admin"),
      nudge,
      stuck,

      /** What the metrics tell of orders: from indexes alone, whatever the store holds. */
      counts: {
        visibility: "public",
        handler: counts,
      },

      /** The part of the dashboard that orders know. */
      stats: {
        visibility: "public",
        handler: async () => {
          const [counted, earned, outbox] = await Promise.all([counts(), revenue(), orders.backlog()]);
          return { ...counted, revenue: earned, outbox };
        },
      },

      /** How many orders there are, for the reconciliation. */
      count: { visibility: "public", handler: async (_ctx: Context) => orders.adapter.count({}) },
    },
    events: {
      "plans.changed": listener((ctx: Context<{ planId: string }>) => plans.forget(ctx.params.planId)),
    },
    domainEvents: { "hub.payments": consume, "hub.inventory": consume },
  };
});

const hash = (body: unknown): string =>
  createHash("sha256")
    .update(stringify(body) ?? "")
    .digest("base64url");
