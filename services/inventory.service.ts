import type { Context } from "moleculer";
import { PageQuery } from "../contracts/api";
import type { HubEvent } from "../contracts/events";
import { availableOf } from "../domain/seats";
import { aggregates, causeOfMessage } from "../mixins/persistence/aggregates";
import { defineService } from "../mixins/define-service";
import { newestFirst } from "../mixins/persistence/paging";
import { queryOf, type HttpContext } from "../mixins/http/request";
import { Seats } from "./inventory/seats";

/** Seats per plan, and who holds them: all lines of an order or none. */
export default defineService(({ broker }) => {
  const seats = new Seats(broker, "inventory");
  const stocks = seats.stocks.adapter;

  return {
    name: "inventory",
    mixins: [aggregates(seats.stocks, [seats.reservations])],
    actions: {
      list: async (ctx: HttpContext) => {
        const page = await newestFirst("inventory", stocks, {}, queryOf(ctx, PageQuery));
        return {
          ...page,
          items: page.items.map((stock) => ({
            planId: stock._id,
            seats: stock.seats,
            available: availableOf(stock),
            reserved: stock.reserved,
          })),
        };
      },
      /** Pairs of plan and free seats. */
      availability: {
        visibility: "public",
        handler: async () =>
          (await stocks.find({ fields: ["seats", "reserved"] })).map((stock) => [
            stock._id,
            availableOf(stock),
          ]),
      },
      /** Pairs of plan and seats. */
      seats: {
        visibility: "public",
        handler: async () =>
          (await stocks.find({ fields: ["seats"] })).map(({ _id, seats: all }) => [_id, all]),
      },
      resize: {
        visibility: "public",
        handler: async (ctx: Context<{ planId: string; seats: number | null }>) =>
          seats.resize(ctx.params.planId, ctx.params.seats, {
            id: ctx.id,
            correlationId: ctx.requestID ?? ctx.id,
          }),
      },
    },
    domainEvents: {
      "hub.payments": {
        batch: 256,
        maxInFlight: 1024,
        handler: async (events: HubEvent[]) => {
          const paid = events.filter((event) => event.eventType === "PaymentProcessed");
          const outcomes = await seats.reserve(paid);
          const byEvent = new Map(paid.map(({ eventId }, i) => [eventId, outcomes[i]]));
          return events.map(({ eventId }) => byEvent.get(eventId) ?? null);
        },
      },
      "hub.orders": {
        batch: 256,
        maxInFlight: 1024,
        handler: async (events: HubEvent[]) =>
          seats.release(events.filter((event) => event.eventType === "OrderCancelled")),
      },
      "hub.plans": {
        batch: 64,
        maxInFlight: 256,
        handler: async (events: HubEvent[]) => {
          for (const event of events)
            if (event.eventType === "PlanPublished")
              await seats.open(event.data.planId, event.data.seats, causeOfMessage(event));
        },
      },
    },
  };
});
