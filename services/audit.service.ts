import type { Context } from "moleculer";
import { AuditQuery, DeadLettersQuery } from "../contracts/api";
import type { DeadLetter } from "../contracts/dead-letter";
import type { EventEnvelope } from "../contracts/envelope";
import { ConflictError, NotFoundError } from "../contracts/errors";
import { ALL_TOPICS, type HubEvent } from "../contracts/events";
import { derivedId } from "../contracts/ids";
import { DEAD_LETTERS, HEADERS } from "../channels/types";
import { defineService } from "../mixins/hub";
import { newestFirst, oldestFirst } from "../mixins/paging";
import { Positions } from "../mixins/positions";
import { answer, idOf, queryOf, type HttpContext } from "../mixins/request";
import { store } from "../mixins/store";
import type { Query, StoreAdapter } from "../store/types";

/** An event as the event store keeps it; its id is the event's, so it is kept once. */
interface Entry extends EventEnvelope {
  _id: string;
  /** Counts upwards: the order in which events came in, which keeps that of each aggregate. */
  position: number;
  orderId?: string;
}

/** A dead letter with what became of it. Its id is that of message and group: failing again is the same letter. */
interface StoredDeadLetter extends Omit<DeadLetter, "id"> {
  _id: string;
  status: "open" | "redriven" | "discarded";
}

const entryView = ({ _id, position: _p, orderId: _o, ...event }: Entry) => ({ id: _id, ...event });
const letterView = ({ _id: id, ...letter }: StoredDeadLetter) => ({ id, ...letter });

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
  const letters = database.adapter<StoredDeadLetter>({
    name: "dead_letters",
    indexes: [
      { fields: ["-failedAt", "-_id"] },
      { fields: ["status", "-failedAt", "-_id"] },
      { fields: ["key"] },
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

  async function putAside(batch: DeadLetter[]): Promise<void> {
    for (const letter of batch) {
      const { id: _id, ...fields } = letter;
      const id = derivedId("dead-letter", letter.messageId, letter.service);
      const [fresh] = await letters.insertEach([{ _id: id, ...fields, status: "open" }]);
      if (!fresh)
        await letters.updateEach([{ query: { _id: id }, update: { $set: { ...fields, status: "open" } } }]);
    }
  }

  /** Moves a letter on; only an open one can be. */
  async function close(ctx: HttpContext, status: "redriven" | "discarded") {
    const _id = idOf(ctx);
    const letter = await letters.findById(_id);
    if (!letter) throw new NotFoundError("dead letter");
    const [closed] = await letters.updateEach([
      { query: { _id, status: "open" }, update: { $set: { status } } },
    ]);
    if (!closed)
      throw new ConflictError("DEAD_LETTER_CLOSED", `The dead letter is ${letter.status} already.`);
    return letter;
  }

  async function redrive(ctx: HttpContext) {
    const letter = await close(ctx, "redriven");
    try {
      await send(letter);
    } catch (error) {
      await letters.updateEach([{ query: { _id: letter._id }, update: { $set: { status: "open" } } }]);
      throw error;
    }
    return answer(ctx, 202, letterView({ ...letter, status: "redriven" }));
  }

  /** To the group that failed, and to no other. */
  function send({ kind, channel, key, service, headers, payload }: StoredDeadLetter): Promise<void> {
    const { [HEADERS.attempt]: _attempt, [HEADERS.firstFailedAt]: _first, ...own } = headers;
    const options = { headers: { ...own, [HEADERS.onlyGroup]: service }, ...(key && { key }) };
    return kind === "command"
      ? broker.sendCommand(channel, payload, options)
      : broker.publishEvent(channel, payload, options);
  }

  const consume = { batch: 512, maxInFlight: 2048, handler: keep };
  const aside = { batch: 64, maxInFlight: 256, handler: putAside };

  return {
    name: "audit",
    mixins: [store(events as unknown as StoreAdapter, letters as unknown as StoreAdapter)],
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
      deadLetters: async (ctx: HttpContext) => {
        const { status, channel, ...page } = queryOf(ctx, DeadLettersQuery);
        const query = { ...(status && { status }), ...(channel && { channel }) };
        const found = await newestFirst(letters, query, page, "failedAt");
        return { ...found, items: found.items.map(letterView) };
      },
      deadLetter: {
        visibility: "public",
        handler: async (ctx: HttpContext) => {
          const letter = await letters.findById(idOf(ctx));
          if (!letter) throw new NotFoundError("dead letter");
          return letterView(letter);
        },
      },
      redrive,
      discard: async (ctx: HttpContext) =>
        answer(ctx, 202, letterView({ ...(await close(ctx, "discarded")), status: "discarded" })),

      /** Every event of an order, oldest first. */
      ofOrder: {
        visibility: "public",
        handler: async (ctx: Context<{ orderId: string }>) =>
          (await events.find({ query: { orderId: ctx.params.orderId }, sort: "position", limit: 1_000 })).map(
            entryView,
          ),
      },
      /** Which of these aggregates have a command in the dead letters, open or discarded. */
      putAside: {
        visibility: "public",
        handler: async (ctx: Context<{ keys: string[] }>) => {
          const query = {
            key: { $in: ctx.params.keys },
            kind: "command",
            status: { $in: ["open", "discarded"] },
          };
          return (await letters.find({ query, fields: ["key"] })).map(({ key }) => key);
        },
      },
      openDeadLetters: {
        visibility: "public",
        handler: async () => letters.count({ query: { status: "open" } }),
      },
    },
    domainEvents: {
      ...Object.fromEntries(ALL_TOPICS.map((topic) => [topic, consume])),
      [DEAD_LETTERS]: aside,
    },
    commands: { [DEAD_LETTERS]: aside },
  };
});

/** Times are compared as text: all in UTC with milliseconds. */
const iso = (time: string): string => new Date(time).toISOString();
