import { setTimeout as pause } from "node:timers/promises";
import type { Middleware, ServiceBroker } from "moleculer";
import type { BatchHandler, Delivery, Outcome } from "../../channels/types";
import { within } from "../within";

/** From this many waiting requests on, they go before messages: fewer are an even load. */
const BUSY = 16;
/**
 * Turns of the event loop in a row that each brought a new connection: more of them are waiting. libuv takes in
 * one connection a turn since 1.45 (libuv/libuv#3696), so while messages make each turn long, clients wait for
 * seconds outside, where `BUSY` does not see them.
 */
const CROWD = 3;
/** How long that lasts after the last such moment (ms): their clients are about to ask again. */
const LINGER_MS = 50;

/** While requests wait, messages get one part of the time in so many. */
const SHARE = 5;
/** The longest rest between two batches, and the longest that one waits for those before it, in milliseconds. */
const LONGEST_REST_MS = 500;
const LONGEST_WAIT_MS = 5_000;

/**
 * The HTTP requests that wait for their answer on this node. Who asks wants to be answered; what was accepted
 * is safe, and goes on a little later: all of it shares one thread.
 */
export class Requests {
  private count = 0;
  private busyUntil = 0;
  /** A connection came in during this turn of the loop; and the turns in a row that had one. */
  private hasConnection = false;
  private turnsInARow = 0;
  private lastTurn: Promise<void> = Promise.resolve();

  /** A request came in; call what is returned when its answer has ended. */
  begin(): () => void {
    if (++this.count >= BUSY) this.goFirst();
    return () => void this.count--;
  }

  /** A connection came in; its requests are still to be heard. */
  connected(): void {
    if (!this.hasConnection && this.turnsInARow === 0) setImmediate(() => this.endTurn());
    this.hasConnection = true;
  }

  private endTurn(): void {
    this.turnsInARow = this.hasConnection ? this.turnsInARow + 1 : 0;
    this.hasConnection = false;
    if (this.turnsInARow >= CROWD) this.goFirst();
    if (this.turnsInARow > 0) setImmediate(() => this.endTurn());
  }

  private goFirst(): void {
    this.busyUntil = performance.now() + LINGER_MS;
  }

  get underWay(): number {
    return this.count;
  }

  get busy(): boolean {
    return this.count >= BUSY || performance.now() < this.busyUntil;
  }

  /** Runs a batch of messages; while requests wait one after the other, each as long after the last as its share is. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (!this.busy) return work();
    let end: () => void = () => undefined;
    const before = this.lastTurn;
    this.lastTurn = new Promise((resolve) => (end = resolve));
    await within(LONGEST_WAIT_MS, before, undefined);
    const began = performance.now();
    try {
      return await work();
    } finally {
      const rest = (SHARE - 1) * (performance.now() - began);
      void pause(this.busy ? Math.min(rest, LONGEST_REST_MS) : 0).then(end);
    }
  }
}

/** Requests before messages, also where the messages come from servers; the embedded log sees to it itself. */
export const requestsFirst: Middleware = {
  name: "RequestsFirst",
  localChannel(this: ServiceBroker, next: BatchHandler): BatchHandler {
    if (this.hub.database.kind === "sqlite") return next;
    return async (payloads: unknown[], deliveries: Delivery[]): Promise<void | Outcome[]> =>
      this.hub.requests.inTurn(async () => next(payloads, deliveries));
  },
} as unknown as Middleware;
