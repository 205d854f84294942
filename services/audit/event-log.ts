import type { EventEnvelope } from "../../contracts/envelope";
import type { HubEvent } from "../../contracts/events";
import { upcast } from "../../contracts/upcasters";
import { PER_MS, Positions } from "../../mixins/persistence/positions";
import type { Database, Query, StoreAdapter } from "../../store/types";

/** An event as the event store keeps it; its id is the event's, so it is kept once. */
export interface Entry extends EventEnvelope {
  _id: string;
  /** Counts upwards: the order in which events came in, which keeps that of each aggregate. */
  position: number;
  orderId?: string;
}

export interface EventPage {
  entries: Entry[];
  /** Everything up to here was read: go on after it. */
  upTo: number;
  /** There is nothing more now. */
  atEnd: boolean;
}

/**
 * How far behind the newest position an event may still come in, in milliseconds: a write that is under way,
 * or the clock of another node.
 */
export const LATENESS_MS = 10_000;

/** The position of a moment (milliseconds). */
export const positionAt = (ms: number): number => ms * PER_MS;

/** When (milliseconds) the store took what is at a position. */
export const momentOf = (position: number): number => Math.floor(position / PER_MS);

/** Today's version of an event that was stored, without what the store adds. */
export function eventOf({ _id, position: _p, orderId: _o, ...event }: Entry): HubEvent {
  return upcast(event) as HubEvent;
}

export interface Range {
  query?: Query;
  /** The last position that counts. */
  upTo?: number;
}

/** More events than any order has. */
const OF_ORDER = 1_000;

/** The event store: every event once, in the order in which they came in. */
export class EventLog {
  readonly entries: StoreAdapter<Entry>;
  private readonly positions = new Positions();

  constructor(database: Database) {
    this.entries = database.adapter<Entry>({
      name: "audit",
      indexes: [
        { fields: ["position"] },
        { fields: ["eventType", "position"] },
        { fields: ["key", "position"] },
        { fields: ["correlationId", "position"] },
        { fields: ["orderId", "position"], sparse: true },
        { fields: ["timestamp"] },
      ],
    });
  }

  /** Stores what is not there yet. */
  async keep(batch: readonly HubEvent[]): Promise<void> {
    await this.entries.insertEach(
      batch.map((event) => ({
        ...event,
        _id: event.eventId,
        position: this.positions.next(),
        ...("orderId" in event.data && { orderId: event.data.orderId }),
      })),
    );
  }

  /** Every event of an order, oldest first. */
  ofOrder(orderId: string): Promise<HubEvent[]> {
    return this.of({ orderId }, OF_ORDER);
  }

  /** The first events of one correlation id. */
  related(correlationId: string, limit: number): Promise<HubEvent[]> {
    return this.of({ correlationId }, limit);
  }

  /**
   * About `limit` events above `after`, of those that `query` finds. Two nodes may use one position: those
   * never fall on two pages.
   */
  async page(after: number, limit: number, { query = {}, upTo }: Range = {}): Promise<EventPage> {
    const position = { $gt: after, ...(upTo !== undefined && { $lte: upTo }) };
    for (let most = limit; ; most *= 2) {
      const found = await this.entries.find({
        query: { ...query, position },
        sort: "position",
        limit: most + 1,
      });
      const last = found.at(-1);
      if (found.length <= most || !last)
        return { entries: found, upTo: last?.position ?? after, atEnd: true };
      const whole = found.filter((entry) => entry.position < last.position);
      const end = whole.at(-1)?.position;
      if (end !== undefined) return { entries: whole, upTo: end, atEnd: false };
    }
  }

  /** How many events there are above `after`. */
  count(after: number, { query = {}, upTo }: Range = {}): Promise<number> {
    const position = { $gt: after, ...(upTo !== undefined && { $lte: upTo }) };
    return this.entries.count({ query: { ...query, position } });
  }

  /** All events above `after`, up to `upTo`. */
  between(after: number, upTo: number): Promise<Entry[]> {
    return this.entries.find({ query: { position: { $gt: after, $lte: upTo } }, sort: "position" });
  }

  byId(ids: string[]): Promise<Entry[]> {
    return this.entries.findByIds(ids);
  }

  private async of(query: Query, limit: number): Promise<HubEvent[]> {
    return (await this.entries.find({ query, sort: "position", limit })).map(eventOf);
  }
}
