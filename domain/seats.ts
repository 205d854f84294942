import type { EventEnvelope } from "../contracts/envelope";
import { ConflictError } from "../contracts/errors";
import type { EventOf, SeatLine } from "../contracts/events";
import type { Decision, Now } from "./types";

/** The seats of one plan. `seats` null: no limit. `available + reserved = seats`, always. */
export interface Stock {
  _id: string;
  seats: number | null;
  reserved: number;
  /**
   * Moves that are counted here while the reservation they belong to is not stored yet: `orderId:+` or
   * `orderId:-`. Doing one again changes nothing, so a crash between the two writes is repaired by repeating.
   */
  moves: string[];
  createdAt: string;
}

/** Who holds seats: one document an order, its id the order's. */
export interface Reservation {
  _id: string;
  userId: string;
  items: SeatLine[];
  correlationId: string;
  status: "reserved" | "refused" | "released";
  createdAt: string;
  told?: Record<string, EventEnvelope>;
}

export interface SeatRequest {
  orderId: string;
  items: SeatLine[];
}

export type Verdict =
  { reserved: true } | { reserved: false; planId: string; requested: number; available: number };

/** One change of a plan's count. */
export interface Move {
  id: string;
  delta: number;
}

/** What is to be done to one plan's count. */
export interface Recount {
  /** Moves to count, those that the plan does not know. */
  count: Move[];
  /** Moves to take back, those that the plan has counted; `delta` is that of taking back. */
  undo: Move[];
  /** Marks that are not needed any more once this is counted. */
  forget: string[];
}

export const takes = (orderId: string): string => `${orderId}:+`;
export const gives = (orderId: string): string => `${orderId}:-`;

export const availableOf = ({ seats, reserved }: Stock): number | null =>
  seats === null ? null : seats - reserved;

/**
 * Shares out seats, first come first served: all lines of an order or none. Requests that a stock counts
 * already (a repeat after a crash) are not counted twice; one that no longer fits as a whole gives back
 * what it had taken. A request for a plan whose stock is not known (yet) gets no verdict.
 */
export function allocate(
  stocks: ReadonlyMap<string, Stock>,
  requests: readonly SeatRequest[],
): { verdicts: Map<string, Verdict>; recounts: Map<string, Recount> } {
  const free = new Map([...stocks].map(([planId, stock]) => [planId, availableOf(stock) ?? Infinity]));
  const verdicts = new Map<string, Verdict>();
  const recounts = new Map<string, Recount>();
  const recountOf = (planId: string): Recount => {
    const recount = recounts.get(planId) ?? { count: [], undo: [], forget: [] };
    recounts.set(planId, recount);
    return recount;
  };

  for (const { orderId, items } of requests) {
    if (items.some(({ planId }) => !stocks.has(planId))) continue;
    const id = takes(orderId);
    const counted = (planId: string) => stocks.get(planId)?.moves.includes(id) ?? false;
    const open = items.filter(({ planId }) => !counted(planId));
    const short = open.find(({ planId, quantity }) => (free.get(planId) ?? 0) < quantity);
    if (short) {
      const { planId, quantity: requested } = short;
      verdicts.set(orderId, { reserved: false, planId, requested, available: free.get(planId) ?? 0 });
      for (const line of items.filter(({ planId }) => counted(planId))) {
        recountOf(line.planId).undo.push({ id, delta: -line.quantity });
        free.set(line.planId, (free.get(line.planId) ?? 0) + line.quantity);
      }
    } else {
      verdicts.set(orderId, { reserved: true });
      for (const line of open) {
        recountOf(line.planId).count.push({ id, delta: line.quantity });
        free.set(line.planId, (free.get(line.planId) ?? 0) - line.quantity);
      }
    }
  }
  return { verdicts, recounts };
}

/** The plan's count after that; null when it changes nothing, because it was done before. */
export function recount(stock: Stock, { count, undo, forget }: Recount): Decision<Stock> | null {
  const known = new Set(stock.moves);
  const fresh = count.filter(({ id }) => !known.has(id));
  const back = undo.filter(({ id }) => known.has(id));
  if (fresh.length + back.length === 0) return null;
  const reserved = [...fresh, ...back].reduce((sum, { delta }) => sum + delta, stock.reserved);
  const gone = new Set([...back.map(({ id }) => id), ...forget]);
  const moves = [...stock.moves.filter((id) => !gone.has(id)), ...fresh.map(({ id }) => id)];
  return told(stock, { ...stock, reserved, moves });
}

/** Gives back what an order holds of a plan. That it was taken need not be marked any more. */
export const giveBack = (orderId: string, quantity: number): Recount => ({
  count: [{ id: gives(orderId), delta: -quantity }],
  undo: [],
  forget: [takes(orderId)],
});

/** Takes back what was counted for an order that holds nothing. */
export const takeBack = (orderId: string, quantity: number): Recount => ({
  count: [],
  undo: [{ id: takes(orderId), delta: -quantity }],
  forget: [],
});

/** The stock of a plan that has none yet. */
export const opened = (planId: string, seats: number | null, { at }: Now): Decision<Stock> => {
  const blank: Stock = { _id: planId, seats: null, reserved: 0, moves: [], createdAt: at };
  return told(blank, { ...blank, seats });
};

/**
 * The stock with another number of seats; null when it has that many.
 * @throws ConflictError SEATS_IN_USE when more are reserved
 */
export function resized(stock: Stock, seats: number | null): Decision<Stock> | null {
  if (stock.seats === seats) return null;
  if (seats !== null && seats < stock.reserved)
    throw new ConflictError("SEATS_IN_USE", `${stock.reserved} seats of ${stock._id} are reserved.`);
  return told(stock, { ...stock, seats });
}

/** A change of a plan's count, told when its availability changes: without a limit it has none. */
function told(before: Stock, after: Stock): Decision<Stock> {
  const { _id: planId, seats, reserved } = after;
  const available = availableOf(after);
  if (availableOf(before) === available) return { state: after, messages: [] };
  const data = { planId, seats, reserved, available };
  return { state: after, messages: [{ event: "InventoryUpdated", data }] };
}

const blank = (
  { data, correlationId }: EventOf<"PaymentProcessed"> | EventOf<"OrderCancelled">,
  { at }: Now,
) => ({
  _id: data.orderId,
  userId: data.userId,
  items: data.items,
  correlationId,
  createdAt: at,
});

/**
 * The seats of an order that was paid. What was decided before is told again; null where the order was
 * cancelled first, or nothing can be decided yet.
 */
export function reserve(
  state: Reservation | null,
  event: EventOf<"PaymentProcessed">,
  verdict: Verdict | undefined,
  now: Now,
): Decision<Reservation> | null {
  if (state)
    return state.status === "released"
      ? null
      : { state, messages: [], again: Object.values(state.told ?? {}) };
  if (!verdict) return null;
  const { orderId, userId, items } = event.data;
  if (verdict.reserved)
    return {
      state: { ...blank(event, now), status: "reserved" },
      messages: [{ event: "InventoryReserved", keep: true, data: { orderId, userId, items } }],
    };
  const { planId, requested, available } = verdict;
  return {
    state: { ...blank(event, now), status: "refused" },
    messages: [
      {
        event: "ProductOutOfStock",
        keep: true,
        data: { orderId, userId, planId, requested, available },
      },
    ],
  };
}

/** A tombstone for an order that is cancelled before it asked for seats: what it asks for later is not given. */
export const bury = (
  state: Reservation | null,
  event: EventOf<"OrderCancelled">,
  now: Now,
): Decision<Reservation> | null =>
  state ? null : { state: { ...blank(event, now), status: "released" }, messages: [] };

/**
 * The reservation of a cancelled order, after its seats were given back. Its order waits for that news, so each
 * `OrderCancelled` is answered, also where there was nothing to give back; except to an order that ended because
 * it knows the answer. What was told before is told again.
 */
export function release(
  state: Reservation | null,
  { data: { reason } }: EventOf<"OrderCancelled">,
): Decision<Reservation> | null {
  if (!state) return null;
  const { _id: orderId, userId, items, status, told } = state;
  const answer = told?.InventoryReleased ?? told?.ProductOutOfStock;
  if (answer) return reason === "OUT_OF_STOCK" ? null : { state, messages: [], again: [answer] };
  const data = { orderId, userId, items: status === "reserved" ? items : [] };
  return {
    state: { ...state, status: "released" },
    messages: [{ event: "InventoryReleased", keep: true, data }],
  };
}
