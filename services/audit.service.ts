import type { Context } from "moleculer";
import { AuditQuery } from "../contracts/api";
import type { EventEnvelope } from "../contracts/envelope";
import { ALL_TOPICS, type HubEvent } from "../contracts/events";
import { DEAD_LETTERS } from "../channels/types";
import { deadLetters } from "../mixins/dead-letters";
import { defineService } from "../mixins/hub";
import { oldestFirst } from "../mixins/paging";
import { Positions } from "../mixins/positions";
import { queryOf, type HttpContext } from "../mixins/request";
import type { Query, StoreAdapter } from "../store/types";

/** An event as the event store keeps it; its id is the event's, so it is kept once. */
interface Entry extends EventEnvelope {
  _id: string;
  /** Counts upwards: the order in which events came in, which keeps that of each aggregate. */
  position: number;
  orderId?: string;
}

/** The most events that tell what happened around a dead letter. */
const STORY = 500;

const entryView = ({ _id, position: _p, orderId: _o, ...event }: Entry) => ({ id: _id, ...event });

/** The event store: every event, in order, for ever; and the messages that were put aside. */
export default defineService(({ broker, database }) => {
  const events = database.adapter<Entry>({
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
  const positions = new Positions();

  async function keep(batch: HubEvent[]): Promise<void> {
    await events.insertEach(
      batch.map((event) => ({
        ...event,
        _id: event.eventId,
        position: positions.next(),
        ...("orderId" in event.data && { orderId: event.data.orderId }),
      })),
    );
  }

  /** The first events of one correlation id. */
  const related = async (correlationId: string): Promise<HubEvent[]> => {
    const found = await events.find({ query: { correlationId }, sort: "position", limit: STORY });
    return found.map((entry) => entryView(entry) as unknown as HubEvent);
  };
  const aside = deadLetters(broker, related, [events as unknown as StoreAdapter<never>]);
  const consume = { batch: 512, maxInFlight: 2048, handler: keep };

  return {
    name: "audit",
    mixins: [aside.mixin],
    actions: {
      list: async (ctx: HttpContext) => {
        const { type, from, to, limit, after, ...exact } = queryOf(ctx, AuditQuery);
        const time = { ...(from && { $gte: iso(from) }), ...(to && { $lt: iso(to) }) };
        const query: Query = {
          ...exact,
          ...(type && { eventType: type }),
          ...(Object.keys(time).length > 0 && { timestamp: time }),
        };
        const page = await oldestFirst(events, query, { ...(limit && { limit }), ...(after && { after }) });
        return { ...page, items: page.items.map(entryView) };
      },

      /** Every event of an order, oldest first. */
      ofOrder: {
        visibility: "public",
        handler: async (ctx: Context<{ orderId: string }>) =>
          (await events.find({ query: { orderId: ctx.params.orderId }, sort: "position", limit: 1_000 })).map(
            entryView,
          ),
      },
    },
    domainEvents: {
      ...Object.fromEntries(ALL_TOPICS.map((topic) => [topic, consume])),
      [DEAD_LETTERS]: aside.channel,
    },
    commands: { [DEAD_LETTERS]: aside.channel },
  };
});

/** Times are compared as text: all in UTC with milliseconds. */
const iso = (time: string): string => new Date(time).toISOString();
