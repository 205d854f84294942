import type { Context } from "moleculer";
import type { Outcome } from "../channels/types";
import { ConflictError, TransientError } from "../contracts/errors";
import { messageId } from "../contracts/envelope";
import type { EventOf, HubEvent } from "../contracts/events";
import {
  allocate,
  availableOf,
  gives,
  takes,
  type Move,
  type Reservation,
  type SeatRequest,
  type Stock,
  type Verdict,
} from "../domain/seats";
import type { Decision, Draft } from "../domain/types";
import { aggregates, Aggregates, stepAside, type Cause } from "../mixins/aggregates";
import { defineService } from "../mixins/hub";
import { newestFirst } from "../mixins/paging";
import { queryOf, type HttpContext } from "../mixins/request";
import { PageQuery } from "../contracts/api";

const causeOf = (event: HubEvent): Cause => ({ id: messageId(event), correlationId: event.correlationId });

/** A move of a plan's count, told when the plan has a limit. */
function moved(before: Stock, after: Stock): Decision<Stock> {
  const { _id: planId, seats, reserved } = after;
  const data = { planId, seats, reserved, available: availableOf(after) };
  const changed = seats !== null && (before.reserved !== reserved || before.seats !== seats);
  return { state: after, messages: changed ? [{ event: "InventoryUpdated", data }] : [] };
}

/** Seats per plan, and who holds them: all lines of an order or none. */
export default defineService(({ broker }) => {
  const stocks = new Aggregates<Stock>(broker, "inventory", { name: "seats" });
  const reservations = new Aggregates<Reservation>(broker, "inventory", { name: "reservations" });

  let last: Promise<unknown> = Promise.resolve();

  /** Batches of one node go one after the other: side by side they would only race for the same counters. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work);
    last = next;
    return next;
  }

  /** Counts moves on a plan, those it does not know yet. `count` false takes the mark away and gives back. */
  const count = (planId: string, moves: Move[], cause: Cause) =>
    stocks.change(planId, cause, (stock) => {
      const fresh = moves.filter(({ id }) => stock && !stock.moves.includes(id));
      if (!stock || fresh.length === 0) return null;
      const reserved = fresh.reduce((sum, { delta }) => sum + delta, stock.reserved);
      return moved(stock, { ...stock, reserved, moves: [...stock.moves, ...fresh.map(({ id }) => id)] });
    });

  /** Takes back moves that a plan has counted. */
  const undo = (planId: string, moves: Move[], cause: Cause) =>
    stocks.change(planId, cause, (stock) => {
      const counted = moves.filter(({ id }) => stock?.moves.includes(id));
      if (!stock || counted.length === 0) return null;
      const gone = new Set(counted.map(({ id }) => id));
      const reserved = counted.reduce((sum, { delta }) => sum + delta, stock.reserved);
      return moved(stock, { ...stock, reserved, moves: stock.moves.filter((id) => !gone.has(id)) });
    });

  /** The reservations are stored: their marks are not needed any more. */
  const settle = (planIds: string[], ids: string[]) =>
    stocks.adapter.updateMany(
      { _id: { $in: planIds } },
      { $pull: { moves: { $in: ids } }, $inc: { version: 1 } },
    );

  /** Counts what can be had for each request; decides again when another node was faster. */
  async function take(
    requests: SeatRequest[],
    planIds: string[],
    cause: Cause,
  ): Promise<Map<string, Verdict>> {
    for (let round = 0; round < 50; round++) {
      await stepAside(round);
      const found = await stocks.adapter.findByIds(planIds);
      const {
        verdicts,
        moves,
        undo: back,
      } = allocate(new Map(found.map((stock) => [stock._id, stock])), requests);
      let settled = true;
      for (const stock of found) {
        const fresh = moves.get(stock._id) ?? [];
        const lost = back.get(stock._id) ?? [];
        if (fresh.length + lost.length === 0) continue;
        const gone = new Set(lost.map(({ id }) => id));
        let applied = false;
        await stocks.change(stock._id, cause, (now) => {
          applied = now !== null && (now as { version?: number }).version === stock.version;
          if (!now || !applied) return null;
          const reserved = [...fresh, ...lost].reduce((sum, { delta }) => sum + delta, now.reserved);
          return moved(now, {
            ...now,
            reserved,
            moves: [...now.moves.filter((id) => !gone.has(id)), ...fresh.map(({ id }) => id)],
          });
        });
        settled &&= applied;
      }
      if (settled) return verdicts;
    }
    throw new ConflictError("WRITE_CONFLICT", "Too many writers on these seats; try again.");
  }

  const cancelled = (events: EventOf<"PaymentProcessed">[]) =>
    reservations.adapter.find({
      query: { _id: { $in: events.map(({ data }) => data.orderId) }, status: "released" },
    });

  /** Seats for what was paid, one outcome an event. The news of a plan may come after that of its first order. */
  async function reserve(events: EventOf<"PaymentProcessed">[]): Promise<Outcome[]> {
    const known = await reservations.adapter.findByIds(events.map(({ data }) => data.orderId));
    const decided = new Set(known.map(({ _id }) => _id));
    const fresh = [
      ...new Map(
        events.filter(({ data }) => !decided.has(data.orderId)).map((e) => [e.data.orderId, e]),
      ).values(),
    ];
    const first = fresh[0];
    const planIds = [...new Set(fresh.flatMap(({ data }) => data.items.map(({ planId }) => planId)))];
    const requests = fresh.map(({ data }) => ({ orderId: data.orderId, items: data.items }));
    const verdicts = first ? await take(requests, planIds, causeOf(first)) : new Map<string, Verdict>();
    const states = await reservations.changeEach(
      events.map((event) => ({
        id: event.data.orderId,
        cause: causeOf(event),
        decide: (state, now) => {
          if (state)
            return state.status === "released"
              ? null
              : { state, messages: [], again: Object.values(state.told ?? {}) };
          const verdict = verdicts.get(event.data.orderId);
          return verdict ? decideReservation(event, verdict, now.at) : null;
        },
      })),
    );
    // An order that was cancelled meanwhile has a tombstone instead: what was counted for it, now or before a
    // crash, goes back.
    const tombstones = new Set((await cancelled(events)).map(({ _id }) => _id));
    for (const event of events.filter(({ data }) => tombstones.has(data.orderId)))
      for (const { planId, quantity } of event.data.items)
        await undo(planId, [{ id: takes(event.data.orderId), delta: -quantity }], causeOf(event));
    const all = [...new Set(events.flatMap(({ data }) => data.items.map(({ planId }) => planId)))];
    await settle(
      all,
      events.map(({ data }) => takes(data.orderId)),
    );
    return states.map((state) =>
      state
        ? null
        : new TransientError("STOCK_UNKNOWN", "The seats of a plan of this order are not known yet."),
    );
  }

  async function release(events: EventOf<"OrderCancelled">[]): Promise<void> {
    const states = await reservations.changeEach(
      events.map((event) => ({
        id: event.data.orderId,
        cause: causeOf(event),
        // A tombstone: seats that are asked for after the cancel are not given.
        decide: (state, now) =>
          state ? null : { state: { ...blank(event, now.at), status: "released" }, messages: [] },
      })),
    );
    for (const [i, event] of events.entries()) {
      const held = states[i];
      if (held?.status !== "reserved") continue;
      const { orderId, userId } = event.data;
      const cause = causeOf(event);
      const { items } = held;
      for (const { planId, quantity } of items)
        await count(planId, [{ id: gives(orderId), delta: -quantity }], cause);
      await reservations.change(orderId, cause, (state) => {
        if (state?.status !== "reserved") return null;
        return {
          state: { ...state, status: "released" },
          messages: [{ event: "InventoryReleased", data: { orderId, userId, items } }],
        };
      });
    }
    const planIds = [...new Set(events.flatMap(({ data }) => data.items.map(({ planId }) => planId)))];
    await settle(
      planIds,
      events.map(({ data }) => gives(data.orderId)),
    );
  }

  /** Sets the seats of a plan, and makes its stock on the first call. @throws ConflictError SEATS_IN_USE */
  async function resize(planId: string, seats: number | null, cause: Cause, keep = false): Promise<void> {
    let inUse = 0;
    await stocks.change(planId, cause, (stock) => {
      inUse = 0;
      if (!stock)
        return moved(
          { _id: planId, seats: null, reserved: 0, moves: [] },
          { _id: planId, seats, reserved: 0, moves: [] },
        );
      if (keep || stock.seats === seats) return null;
      if (seats !== null && seats < stock.reserved) {
        inUse = stock.reserved;
        return null;
      }
      return moved(stock, { ...stock, seats });
    });
    if (inUse > 0) throw new ConflictError("SEATS_IN_USE", `${inUse} seats of ${planId} are reserved.`);
  }

  return {
    name: "inventory",
    mixins: [aggregates(stocks as never, [reservations as never])],
    actions: {
      list: async (ctx: HttpContext) => {
        const page = await newestFirst(stocks.adapter, {}, queryOf(ctx, PageQuery), "_id");
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
          (await stocks.adapter.find({ fields: ["seats", "reserved"] })).map((s) => [s._id, availableOf(s)]),
      },
      resize: {
        visibility: "public",
        handler: async (ctx: Context<{ planId: string; seats: number | null }>) =>
          resize(ctx.params.planId, ctx.params.seats, { id: ctx.id, correlationId: ctx.requestID ?? ctx.id }),
      },
    },
    domainEvents: {
      "hub.payments": {
        batch: 256,
        maxInFlight: 1024,
        handler: async (events: HubEvent[]) => {
          const paid = events.filter((e) => e.eventType === "PaymentProcessed");
          const told = await inTurn(() => reserve(paid));
          const outcomes = new Map(told.map((outcome, i) => [paid[i]?.eventId, outcome]));
          return events.map(({ eventId }) => outcomes.get(eventId) ?? null);
        },
      },
      "hub.orders": {
        batch: 256,
        maxInFlight: 1024,
        handler: async (events: HubEvent[]) =>
          inTurn(() => release(events.filter((e) => e.eventType === "OrderCancelled"))),
      },
      "hub.plans": {
        batch: 64,
        maxInFlight: 256,
        handler: async (events: HubEvent[]) => {
          for (const event of events)
            if (event.eventType === "PlanPublished")
              await resize(event.data.planId, event.data.seats, causeOf(event), true);
        },
      },
    },
  };
});

const blank = (
  { data, correlationId }: EventOf<"PaymentProcessed"> | EventOf<"OrderCancelled">,
  at: string,
) => ({
  _id: data.orderId,
  userId: data.userId,
  items: data.items,
  correlationId,
  createdAt: at,
});

function decideReservation(
  event: EventOf<"PaymentProcessed">,
  verdict: Verdict,
  at: string,
): Decision<Reservation> {
  const { orderId, userId, items } = event.data;
  const messages: Draft[] = verdict.reserved
    ? [{ event: "InventoryReserved", keep: true, data: { orderId, userId, items } }]
    : [
        {
          event: "ProductOutOfStock",
          keep: true,
          data: {
            orderId,
            userId,
            planId: verdict.planId,
            requested: verdict.requested,
            available: verdict.available,
          },
        },
      ];
  return { state: { ...blank(event, at), status: verdict.reserved ? "reserved" : "refused" }, messages };
}
