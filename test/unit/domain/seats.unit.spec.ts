import fc from "fast-check";
import type { EventOf } from "../../../contracts/events";
import {
  allocate,
  availableOf,
  bury,
  giveBack,
  recount,
  release,
  reserve,
  resized,
  takeBack,
  takes,
  type Recount,
  type Reservation,
  type SeatRequest,
  type Stock,
} from "../../../domain/seats";

const stock = (_id: string, seats: number | null, reserved = 0, moves: string[] = []): Stock => ({
  _id,
  seats,
  reserved,
  moves,
  createdAt: "2026-01-31T12:00:00.000Z",
});
const stocksOf = (...stocks: Stock[]) => new Map(stocks.map((s) => [s._id, s]));
const want = (orderId: string, ...items: [string, number][]): SeatRequest => ({
  orderId,
  items: items.map(([planId, quantity]) => ({ planId, quantity })),
});

/** The stocks after these recounts. */
const apply = (
  stocks: ReadonlyMap<string, Stock>,
  recounts: ReadonlyMap<string, Recount>,
): Map<string, Stock> =>
  new Map(
    [...stocks].map(([id, stock]) => {
      const todo = recounts.get(id);
      return [id, (todo && recount(stock, todo)?.state) ?? stock];
    }),
  );

describe("given stocks, when orders ask for seats", () => {
  test("first come, first served", () => {
    const { verdicts } = allocate(stocksOf(stock("a", 3)), [
      want("1", ["a", 2]),
      want("2", ["a", 2]),
      want("3", ["a", 1]),
    ]);
    expect([...verdicts]).toEqual([
      ["1", { reserved: true }],
      ["2", { reserved: false, planId: "a", requested: 2, available: 1 }],
      ["3", { reserved: true }],
    ]);
  });

  test("all lines or none", () => {
    const { verdicts, recounts } = allocate(stocksOf(stock("a", 10), stock("b", 0)), [
      want("1", ["a", 1], ["b", 1]),
    ]);
    expect(verdicts.get("1")).toMatchObject({ reserved: false, planId: "b" });
    expect([...recounts]).toEqual([]);
  });

  test("a plan without limit has enough, and counts all the same", () => {
    const { verdicts, recounts } = allocate(stocksOf(stock("a", null)), [want("1", ["a", 10_000])]);
    expect(verdicts.get("1")).toEqual({ reserved: true });
    expect(recounts.get("a")?.count).toEqual([{ id: takes("1"), delta: 10_000 }]);
  });

  test("an order for a plan that is not known yet is not decided, and takes nothing", () => {
    const { verdicts, recounts } = allocate(stocksOf(stock("a", 1)), [want("1", ["a", 1], ["new", 1])]);
    expect([verdicts.size, recounts.size]).toEqual([0, 0]);
  });

  test("a repeat after a crash counts what is missing, and nothing twice", () => {
    const stocks = stocksOf(stock("a", 2, 2, [takes("1")]), stock("b", 2));
    const { verdicts, recounts } = allocate(stocks, [want("1", ["a", 2], ["b", 1])]);
    expect(verdicts.get("1")).toEqual({ reserved: true });
    expect([...recounts]).toEqual([["b", { count: [{ id: takes("1"), delta: 1 }], undo: [], forget: [] }]]);
  });

  test("a repeat that no longer fits gives back what it had, to the next", () => {
    const stocks = stocksOf(stock("a", 2, 2, [takes("1")]), stock("b", 0));
    const { verdicts, recounts } = allocate(stocks, [want("1", ["a", 2], ["b", 1]), want("2", ["a", 2])]);
    expect(verdicts.get("1")).toMatchObject({ reserved: false, planId: "b" });
    expect(recounts.get("a")?.undo).toEqual([{ id: takes("1"), delta: -2 }]);
    expect(verdicts.get("2")).toEqual({ reserved: true });
    expect(recounts.get("a")?.count).toEqual([{ id: takes("2"), delta: 2 }]);
  });
});

describe("given a plan's count", () => {
  test("what an order holds is given back once", () => {
    const held = stock("a", 10, 7);
    const { state, messages } = recount(held, giveBack("1", 3)) ?? {};
    expect(state).toMatchObject({ reserved: 4 });
    expect(messages).toMatchObject([{ event: "InventoryUpdated", data: { available: 6 } }]);
    expect(recount(state ?? held, giveBack("1", 3))).toBeNull();
  });

  test.each<[string, number | null, number | null, number | null]>([
    ["another limit", 10, 20, 13],
    ["no limit any more", 10, null, null],
    ["a limit where it had none", null, 10, 3],
  ])("that gets %s is told", (_what, before, seats, available) => {
    const data = { planId: "a", seats, available, reserved: 7 };
    expect(resized(stock("a", before, 7), seats)?.messages).toEqual([{ event: "InventoryUpdated", data }]);
  });

  test("of a plan without limit is not told when orders move it: its availability stays", () => {
    expect(recount(stock("a", null, 7), giveBack("1", 3))?.messages).toEqual([]);
  });

  test("what was given back cannot be taken back as well, though its taking was still marked", () => {
    const held = stock("a", 10, 7, [takes("1")]);
    const given = recount(held, giveBack("1", 3))?.state ?? held;
    expect(recount(given, takeBack("1", 3))).toBeNull();
  });
});

const PLANS = ["a", "b", "c"];
const requests = fc.array(
  fc.record({
    orderId: fc.integer({ min: 1, max: 12 }).map(String),
    items: fc
      .uniqueArray(fc.constantFrom(...PLANS), { minLength: 1 })
      .chain((plans) =>
        fc.tuple(
          ...plans.map((planId) => fc.integer({ min: 1, max: 5 }).map((quantity) => ({ planId, quantity }))),
        ),
      ),
  }),
  { maxLength: 12 },
);
const seatsOf = fc.tuple(...PLANS.map(() => fc.integer({ min: 0, max: 12 })));

describe("given a reservation whose order is cancelled", () => {
  const reserved: Reservation = {
    _id: "1",
    userId: "u",
    items: [{ planId: "a", quantity: 1 }],
    correlationId: "c",
    status: "reserved",
    createdAt: "2026-01-31T12:00:00.000Z",
  };

  const cancelled = (reason = "CANCELLED_BY_USER") =>
    ({
      eventType: "OrderCancelled",
      correlationId: "c",
      data: { orderId: "1", userId: "u", reason, refund: "pending", items: reserved.items },
    }) as unknown as EventOf<"OrderCancelled">;
  const paid = { ...cancelled(), eventType: "PaymentProcessed" } as unknown as EventOf<"PaymentProcessed">;
  const now = { at: reserved.createdAt, ms: Date.parse(reserved.createdAt) };
  const told = (type: string) => ({ [type]: { eventId: `e-${type}` } }) as unknown as Reservation["told"];

  test("it is released, and that is told; when the cancel comes again, the same is told again", () => {
    const first = release(reserved, cancelled());
    expect(first?.state.status).toBe("released");
    expect(first?.messages).toMatchObject([
      { event: "InventoryReleased", keep: true, data: { items: reserved.items } },
    ]);
    const after: Reservation = { ...reserved, status: "released", told: told("InventoryReleased") };
    const again = release(after, cancelled());
    expect([again?.messages, again?.again]).toEqual([[], [{ eventId: "e-InventoryReleased" }]]);
  });

  test("one that was cancelled before it asked never gets seats, and is told that it holds none", () => {
    const buried = bury(null, cancelled(), now)?.state ?? null;
    expect(buried?.status).toBe("released");
    const answered = release(buried, cancelled());
    expect(answered?.messages).toMatchObject([
      { event: "InventoryReleased", keep: true, data: { items: [] } },
    ]);
    for (const state of [buried, answered?.state ?? null])
      expect(reserve(state, paid, { reserved: true }, now)).toBeNull();
  });

  test("one that was refused is told so again, unless it was cancelled because it knows", () => {
    const refused: Reservation = { ...reserved, status: "refused", told: told("ProductOutOfStock") };
    const again = release(refused, cancelled());
    expect([again?.messages, again?.again]).toEqual([[], [{ eventId: "e-ProductOutOfStock" }]]);
    expect(release(refused, cancelled("OUT_OF_STOCK"))).toBeNull();
  });
});

test("whatever is asked for, seats are never sold twice, and available + reserved = seats", () => {
  fc.assert(
    fc.property(seatsOf, fc.array(requests, { maxLength: 4 }), (seats, rounds) => {
      let stocks = stocksOf(...PLANS.map((id, i) => stock(id, seats[i] ?? 0)));
      const held = new Map<string, SeatRequest>();
      for (const round of rounds) {
        // An order asks once; asking again under the same id is a repeat of what it asked first.
        const asked = new Map(round.map((r) => [r.orderId, held.get(r.orderId) ?? r]));
        const open = [...asked.values()].filter(({ orderId }) => !held.has(orderId));
        const result = allocate(stocks, open);
        stocks = apply(stocks, result.recounts);
        for (const request of open)
          if (result.verdicts.get(request.orderId)?.reserved) held.set(request.orderId, request);
      }
      for (const [planId, { seats: all, reserved, ...rest }] of stocks) {
        const sold = [...held.values()]
          .flatMap(({ items }) => items)
          .filter((line) => line.planId === planId);
        expect(reserved).toBe(sold.reduce((sum, { quantity }) => sum + quantity, 0));
        expect(reserved).toBeLessThanOrEqual(all ?? Infinity);
        expect(Number(availableOf({ seats: all, reserved, ...rest })) + reserved).toBe(all);
      }
    }),
  );
});

test("a crash after any part of the writes, and the same again, ends as without the crash", () => {
  fc.assert(
    fc.property(seatsOf, requests, fc.subarray(PLANS), (seats, asked, written) => {
      const stocks = stocksOf(...PLANS.map((id, i) => stock(id, seats[i] ?? 0)));
      const once = [...new Map(asked.map((r) => [r.orderId, r])).values()];
      const whole = allocate(stocks, once);
      const crashed = apply(stocks, new Map([...whole.recounts].filter(([id]) => written.includes(id))));
      const again = allocate(crashed, once);
      for (const [id, { reserved }] of whole.verdicts)
        expect(again.verdicts.get(id)?.reserved).toBe(reserved);
      const end = apply(crashed, again.recounts);
      for (const [id, { reserved }] of apply(stocks, whole.recounts))
        expect(end.get(id)?.reserved).toBe(reserved);
    }),
  );
});
