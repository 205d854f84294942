import type { ServiceBroker } from "moleculer";
import type { Outcome } from "../../channels/types";
import { ConflictError, TransientError } from "../../contracts/errors";
import type { EventOf, SeatLine } from "../../contracts/events";
import {
  allocate,
  bury,
  gives,
  giveBack,
  opened,
  recount,
  release,
  reserve,
  resized,
  takeBack,
  takes,
  type Recount,
  type Reservation,
  type Stock,
  type Verdict,
} from "../../domain/seats";
import {
  Aggregates,
  causeOfMessage,
  stepAside,
  type Cause,
  type Stored,
} from "../../mixins/persistence/aggregates";

const ROUNDS = 50;

/** The first event of each order: a batch may have one twice. */
const oncePerOrder = <E extends { data: { orderId: string } }>(events: E[]): E[] => [
  ...new Map(events.toReversed().map((event) => [event.data.orderId, event])).values(),
];

const plansOf = (events: { data: { items: SeatLine[] } }[]): string[] => [
  ...new Set(events.flatMap(({ data }) => data.items.map(({ planId }) => planId))),
];

/** What was decided about the seats of orders, and the reservations that there were before. */
interface Taken {
  verdicts: Map<string, Verdict>;
  known: Stored<Reservation>[];
}

/** One plan's part of a recount, on behalf of a message. */
interface PlanRecount {
  planId: string;
  cause: Cause;
  recount: Recount;
}

/**
 * Seats per plan (a counter), and who holds them (a document for each order). The two are written one after
 * the other, by any number of nodes, and a crash may come between: a plan keeps the mark of a move until the
 * reservation it belongs to is stored. Plans are read before reservations and written only as they were
 * read, so a node that was away for long cannot count again what another has counted and settled meanwhile.
 */
export class Seats {
  readonly stocks: Aggregates<Stock>;
  readonly reservations: Aggregates<Reservation>;
  private last: Promise<unknown> = Promise.resolve();

  constructor(broker: ServiceBroker, service: string) {
    this.stocks = new Aggregates<Stock>(broker, service, {
      name: "seats",
      indexes: [{ fields: ["-createdAt", "-_id"] }],
    });
    this.reservations = new Aggregates<Reservation>(broker, service, { name: "reservations" });
  }

  /** Seats for what was paid, one outcome an event. The news of a plan may come after that of its first order. */
  async reserve(events: EventOf<"PaymentProcessed">[]): Promise<Outcome[]> {
    if (events.length === 0) return [];
    return this.inTurn(async () => {
      const { verdicts, known } = await this.take(oncePerOrder(events));
      const states = await this.reservations.changeEach(
        events.map((event) => ({
          id: event.data.orderId,
          cause: causeOfMessage(event),
          decide: (state, now) => reserve(state, event, verdicts.get(event.data.orderId), now),
        })),
        known,
      );
      // What was counted for an order that was cancelled meanwhile, now or before a crash, goes back.
      const buried = oncePerOrder(events.filter((_event, i) => states[i]?.status === "released"));
      await this.stocks.changeEach(
        buried.flatMap((event) =>
          event.data.items.map(({ planId, quantity }) => ({
            id: planId,
            cause: causeOfMessage(event),
            decide: (stock) => stock && recount(stock, takeBack(event.data.orderId, quantity)),
          })),
        ),
      );
      await this.settle(events, takes);
      return states.map((state) =>
        state
          ? null
          : new TransientError("STOCK_UNKNOWN", "The seats of a plan of this order are not known yet."),
      );
    });
  }

  /** Gives back the seats of cancelled orders. */
  async release(events: EventOf<"OrderCancelled">[]): Promise<void> {
    if (events.length === 0) return;
    return this.inTurn(async () => {
      const cancelled = oncePerOrder(events);
      const planIds = plansOf(cancelled);
      await this.untilCounted(async () => {
        const stocks = await this.stocks.adapter.findByIds(planIds);
        const states = await this.reservations.changeEach(
          cancelled.map((event) => ({
            id: event.data.orderId,
            cause: causeOfMessage(event),
            decide: (state, now) => bury(state, event, now),
          })),
        );
        const recounts = cancelled.flatMap((event, i) =>
          states[i]?.status !== "reserved"
            ? []
            : states[i].items.map(({ planId, quantity }) => ({
                planId,
                cause: causeOfMessage(event),
                recount: giveBack(event.data.orderId, quantity),
              })),
        );
        return { counted: await this.write(stocks, recounts), result: null };
      });
      await this.reservations.changeEach(
        cancelled.map((event) => ({
          id: event.data.orderId,
          cause: causeOfMessage(event),
          decide: (state) => release(state, event),
        })),
      );
      await this.settle(cancelled, gives);
    });
  }

  /** Makes the stock of a plan that has none yet. */
  async open(planId: string, seats: number | null, cause: Cause): Promise<void> {
    await this.stocks.change(planId, cause, (stock, now) => (stock ? null : opened(planId, seats, now)));
  }

  /** Sets the seats of a plan. @throws ConflictError SEATS_IN_USE when more are reserved */
  async resize(planId: string, seats: number | null, cause: Cause): Promise<void> {
    await this.stocks.change(planId, cause, (stock, now) =>
      stock ? resized(stock, seats) : opened(planId, seats, now),
    );
  }

  /** Batches of one node go one after the other: side by side they would only race for the same counters. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work, work);
    this.last = next;
    return next;
  }

  /** Counts what can be had for each order; decides again when another node was faster. */
  private take(events: EventOf<"PaymentProcessed">[]): Promise<Taken> {
    const planIds = plansOf(events);
    return this.untilCounted(async () => {
      const stocks = await this.stocks.adapter.findByIds(planIds);
      const known = await this.reservations.adapter.findByIds(events.map(({ data }) => data.orderId));
      const decided = new Set(known.map(({ _id }) => _id));
      const open = events.filter(({ data }) => !decided.has(data.orderId));
      const [first] = open;
      if (!first) return { counted: true, result: { verdicts: new Map<string, Verdict>(), known } };
      const { verdicts, recounts } = allocate(
        new Map(stocks.map((stock) => [stock._id, stock])),
        open.map(({ data }) => data),
      );
      const cause = causeOfMessage(first);
      const counted = await this.write(
        stocks,
        [...recounts].map(([planId, recount]) => ({ planId, cause, recount })),
      );
      return { counted, result: { verdicts, known } };
    });
  }

  /** @throws ConflictError when other writers are faster every time */
  private async untilCounted<T>(attempt: () => Promise<{ counted: boolean; result: T }>): Promise<T> {
    for (let round = 0; round < ROUNDS; round++) {
      await stepAside(round);
      const { counted, result } = await attempt();
      if (counted) return result;
    }
    throw new ConflictError("WRITE_CONFLICT", "Too many writers on these seats; try again.");
  }

  /** Recounts plans that are still as they were `read`; false when one was not. */
  private async write(read: Stored<Stock>[], recounts: PlanRecount[]): Promise<boolean> {
    const versions = new Map(read.map(({ _id, version }) => [_id, version]));
    let counted = true;
    await this.stocks.changeEach(
      recounts.map((one) => ({
        id: one.planId,
        cause: one.cause,
        decide: (stock) => {
          if (stock?.version === versions.get(one.planId)) return stock && recount(stock, one.recount);
          counted = false;
          return null;
        },
      })),
      read,
    );
    return counted;
  }

  /** The reservations are stored: the marks of their moves are not needed any more. */
  private async settle(
    events: { data: { orderId: string; items: SeatLine[] } }[],
    mark: (orderId: string) => string,
  ): Promise<void> {
    await this.stocks.adapter.updateMany(
      { _id: { $in: plansOf(events) } },
      { $pull: { moves: { $in: events.map(({ data }) => mark(data.orderId)) } }, $inc: { version: 1 } },
    );
  }
}
