import type { Context } from "moleculer";
import { AdminOrdersQuery, AsOfQuery, PageQuery } from "../contracts/api";
import { ConflictError, NotFoundError } from "../contracts/errors";
import type { HubEvent } from "../contracts/events";
import { asOf, byStatus, cancelOrder, type Order } from "../domain/order";
import { forOwner, timelineOf } from "../domain/timeline";
import { aggregates, Aggregates } from "../mixins/persistence/aggregates";
import { defineService, listener } from "../mixins/define-service";
import { countedOnce } from "../mixins/counted-once";
import { newestFirst } from "../mixins/persistence/paging";
import { answer, callerOf, causeOf, idOf, queryOf, type HttpContext } from "../mixins/http/request";
import { Placing } from "./orders/placing";
import { stuckOnes, Saga } from "./orders/saga";
import { subscriptionsPage } from "./orders/subscriptions";
import { view } from "./orders/views";

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
  const placing = new Placing(broker, config, orders);
  const saga = new Saga(broker, orders);

  /** One's own order. @throws NotFoundError also when it is another's */
  async function own(ctx: HttpContext): Promise<Order> {
    const order = await orders.get(idOf(ctx));
    if (!order || order.userId !== callerOf(ctx).id) throw new NotFoundError("order");
    return order;
  }

  async function cancel(ctx: HttpContext, id: string, by: "user" | "admin") {
    const cause = causeOf(ctx);
    const order = await orders.demand(
      id,
      cause,
      "order",
      (state, now) => cancelOrder(state, { id: cause.id, by }, now),
      ({ status }) => new ConflictError("NOT_CANCELLABLE", `The order is ${status}: it is over.`),
    );
    return answer(ctx, 202, view(order));
  }

  /** How many orders have each status, and how many are stuck. */
  const counts = countedOnce(async () => {
    const [found, stuck] = await Promise.all([
      orders.adapter.groupBy({ by: "status" }),
      orders.adapter.count({ query: stuckOnes() }),
    ]);
    return { orders: byStatus(found.map(({ key, count }) => [String(key), count])), stuck };
  });

  /** What was earned, by currency. */
  const revenue = countedOnce(async () => {
    const query = { status: { $in: ["PAID", "ACTIVE"] } };
    const sums = await orders.adapter.groupBy({ query, by: "total.currency", sum: "total.amount" });
    return sums.map(({ key: currency, sum: amount }) => ({ currency, amount }));
  });

  const consume = {
    batch: 256,
    maxInFlight: 1024,
    handler: (events: HubEvent[]) => saga.record(events),
  };

  return {
    name: "orders",
    mixins: [aggregates(orders), saga.sweep.mixin],
    actions: {
      place: (ctx: HttpContext) => placing.place(ctx),
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
      subscriptions: async (ctx: HttpContext) =>
        subscriptionsPage(orders.adapter, callerOf(ctx).id, queryOf(ctx, PageQuery)),

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
      nudge: (ctx: HttpContext) => saga.nudge(ctx),
      stuck: (ctx: HttpContext) => saga.stuck(ctx),

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
      "plans.changed": listener((ctx: Context<{ planId: string }>) =>
        placing.plans.forget(ctx.params.planId),
      ),
    },
    domainEvents: { "hub.payments": consume, "hub.inventory": consume },
  };
});
