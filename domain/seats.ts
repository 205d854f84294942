import type { EventEnvelope } from "../contracts/envelope";
import type { SeatLine } from "../contracts/events";

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
): { verdicts: Map<string, Verdict>; moves: Map<string, Move[]>; undo: Map<string, Move[]> } {
  const free = new Map([...stocks].map(([planId, stock]) => [planId, availableOf(stock) ?? Infinity]));
  const verdicts = new Map<string, Verdict>();
  const moves = new Map<string, Move[]>();
  const undo = new Map<string, Move[]>();
  const add = (to: Map<string, Move[]>, planId: string, move: Move) =>
    to.set(planId, [...(to.get(planId) ?? []), move]);

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
        add(undo, line.planId, { id, delta: -line.quantity });
        free.set(line.planId, (free.get(line.planId) ?? 0) + line.quantity);
      }
    } else {
      verdicts.set(orderId, { reserved: true });
      for (const line of open) {
        add(moves, line.planId, { id, delta: line.quantity });
        free.set(line.planId, (free.get(line.planId) ?? 0) - line.quantity);
      }
    }
  }
  return { verdicts, moves, undo };
}
