import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc, { type Scheduler } from "fast-check";
import type { ServiceBroker } from "moleculer";
import type { EventOf } from "../../../contracts/events";
import type { Reservation, Stock } from "../../../domain/seats";
import type { Stored } from "../../../mixins/persistence/aggregates";
import { Requests } from "../../../mixins/http/requests-first";
import { Seats } from "../../../services/inventory/seats";
import { openDatabase } from "../../../store";
import type { Database, StoreAdapter } from "../../../store/types";

const PLANS = { small: 4, large: 9 };
type PlanId = keyof typeof PLANS;

type Lines = { planId: PlanId; quantity: number }[];

const orders = fc.array(
  fc.uniqueArray(
    fc.record({
      planId: fc.constantFrom<PlanId>("small", "large"),
      quantity: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, selector: ({ planId }) => planId },
  ),
  { minLength: 1, maxLength: 3 },
);

/** An event that a node is given; the node lives on, or dies after so many calls to the store. */
const deliveries = fc.record({
  order: fc.nat(),
  eventType: fc.constantFrom("PaymentProcessed" as const, "OrderCancelled" as const),
  calls: fc.oneof(fc.constant(Infinity), fc.integer({ min: 2, max: 6 })),
});
/** One wave after the other, and all of a wave at once. */
const waves = fc.array(fc.array(deliveries, { maxLength: 4 }), { maxLength: 4 });

class Died extends Error {}

/** Every call waits for its turn, which the scheduler gives, and after `calls` of them none is answered. */
function scheduled<D extends object>(adapter: D, scheduler: Scheduler, calls: { left: number }): D {
  return new Proxy(adapter, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        await scheduler.schedule(Promise.resolve(), String(name));
        if (calls.left-- <= 0) throw new Died();
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

/** A node with its own eyes on the store. It sends nothing: the outboxes keep what it would tell. */
function nodeOn(database: Database, scheduler?: Scheduler, left = Infinity): Seats {
  const calls = { left };
  const adapter = (options: { name: string }) => {
    const plain = database.adapter(options);
    return scheduler ? scheduled(plain, scheduler, calls) : plain;
  };
  const hub = {
    database: { ...database, kind: database.kind, adapter },
    requests: new Requests(),
    metrics: { watchOutbox: () => undefined },
    tracing: null,
  };
  return new Seats({ nodeID: "n", hub, getLogger: () => console } as unknown as ServiceBroker, "inventory");
}

type Delivered = EventOf<"PaymentProcessed"> | EventOf<"OrderCancelled">;

const eventOf = (eventType: Delivered["eventType"], orderId: string, items: Lines) =>
  ({
    eventId: `${eventType}-${orderId}`,
    eventType,
    key: orderId,
    correlationId: orderId,
    data: { orderId, userId: "u", items },
  }) as unknown as Delivered;

const give = (node: Seats, event: Delivered): Promise<unknown> =>
  event.eventType === "OrderCancelled" ? node.release([event]) : node.reserve([event]);

describe("given nodes that are given the same events, in any interleaving, and that may die between two calls", () => {
  let folder: string;
  let database: Database;
  let stocks: StoreAdapter<Stored<Stock>>;
  let reservations: StoreAdapter<Stored<Reservation>>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hub-seats-"));
    database = await openDatabase({ dataDir: folder });
    const seats = nodeOn(database);
    stocks = seats.stocks.adapter;
    reservations = seats.reservations.adapter;
    await Promise.all([stocks.connect(), reservations.connect()]);
  });

  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("when all was delivered once more, the seats of a plan are those that its orders hold", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), orders, waves, async (scheduler, asked, given) => {
        await Promise.all([stocks.clear(), reservations.clear()]);
        const cause = { id: "c", correlationId: "c" };
        for (const [planId, seats] of Object.entries(PLANS))
          await nodeOn(database).open(planId, seats, cause);

        const events: Delivered[] = [];
        for (const wave of given) {
          const working = wave.map(async ({ order, eventType, calls }) => {
            const index = order % asked.length;
            const event = eventOf(eventType, `o${index}`, asked[index] ?? []);
            events.push(event);
            await give(nodeOn(database, scheduler, calls), event).catch((error: unknown) => {
              if (!(error instanceof Died)) throw error;
            });
          });
          await scheduler.waitFor(Promise.all(working));
        }
        // What was not acknowledged comes again.
        for (const event of events) await give(nodeOn(database), event);

        // Every cancelled order is answered: it waits for that.
        for (const { told } of await reservations.find({ query: { status: "released" } }))
          expect(told).toHaveProperty("InventoryReleased");
        const held = await reservations.find({ query: { status: "reserved" } });
        for (const { _id, seats, reserved, moves, outbox } of await stocks.find()) {
          const lines = held.flatMap(({ items }) => items).filter(({ planId }) => planId === _id);
          expect({ _id, reserved, moves }).toEqual({
            _id,
            reserved: lines.reduce((sum, { quantity }) => sum + quantity, 0),
            moves: [],
          });
          for (const { message } of outbox) {
            const { available } = message.data as { available: number };
            expect(available).toBeGreaterThanOrEqual(0);
            expect(available).toBeLessThanOrEqual(seats ?? Infinity);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
