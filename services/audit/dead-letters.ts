import type { Context, ServiceBroker, ServiceSchema } from "moleculer";
import type { BatchHandler } from "../../channels/types";
import { DeadLettersQuery, DiscardBody, PageQuery, RedriveAllBody, RedriveBody } from "../../contracts/api";
import type { DeadLetter } from "../../contracts/dead-letter";
import type { HubEvent } from "../../contracts/events";
import type { Letter } from "../../domain/dead-letter";
import { entryOf, type Timeline } from "../../domain/timeline";
import { aggregates } from "../../mixins/persistence/aggregates";
import { newestFirst } from "../../mixins/persistence/paging";
import {
  answer,
  bodyOf,
  callerOf,
  causeOf,
  idOf,
  queryOf,
  type HttpContext,
} from "../../mixins/http/request";
import type { StoreAdapter } from "../../store/types";
import { DeadLetterStore, letterQuery } from "./dead-letter-store";
import { Redrives, type Redrive } from "./redrives";

/** The first events that bear a correlation id, oldest first. */
type EventsOf = (correlationId: string) => Promise<HubEvent[]>;

interface DeadLetterChannel {
  batch: number;
  maxInFlight: number;
  handler: BatchHandler<DeadLetter>;
}

const inList = ({ _id, correlationId, history: _h, ...letter }: Letter) => {
  const {
    resendAt: _r,
    redriveId: _i,
    version: _v,
    sequence: _s,
    outbox: _o,
    outboxDueAt: _d,
    outboxOwner: _w,
    ...own
  } = letter as typeof letter & Record<string, unknown>;
  return { id: _id, correlationId: correlationId ?? null, ...own };
};
const whole = (letter: Letter) => ({
  ...inList(letter),
  // A failure's own id says nothing to anybody.
  history: letter.history.map((entry) => (entry.what === "failed" ? { ...entry, id: undefined } : entry)),
});

const redriveView = ({ _id: id, version: _v, correlationId: _c, dueAt: _d, ...redrive }: Redrive) => ({
  id,
  ...redrive,
  progress:
    redrive.status === "done" || redrive.total === 0 ? 1 : Math.min(1, redrive.redriven / redrive.total),
});

/**
 * Dead letters as a place of work: what a service needs to file them, and to let administrators look inside,
 * send them again (edited, or many at a limited rate) and give them up. `further` are its other collections;
 * `channel` is for the service to declare, since mixins do not merge those.
 */
export function deadLetters(
  broker: ServiceBroker,
  eventsOf: EventsOf,
  further: StoreAdapter[],
): { mixin: Partial<ServiceSchema>; channel: DeadLetterChannel } {
  const store = new DeadLetterStore(broker);
  const redrives = new Redrives(broker, store);
  const collections = [redrives.adapter, ...further];

  /** The journey of the order that a letter is about, or else all that bears its correlation id. */
  async function around(
    ctx: HttpContext,
  ): Promise<{ orderId: string | null; correlationId: string | null; entries: Timeline["entries"] }> {
    const { orderId = null, correlationId = null } = await store.get(idOf(ctx));
    const journey =
      orderId &&
      (await ctx.call<Timeline, object>("orders.timeline", { params: { id: orderId } }).catch(() => null));
    if (journey) return journey;
    const events = correlationId ? await eventsOf(correlationId) : [];
    return { orderId, correlationId, entries: events.map(entryOf) };
  }

  const mixin: Partial<ServiceSchema> = {
    mixins: [aggregates(store.letters, [], collections), store.sweep.mixin, redrives.mixin],
    actions: {
      deadLetters: async (ctx: HttpContext) => {
        const { limit, after, ...filter } = queryOf(ctx, DeadLettersQuery);
        const page = { ...(limit && { limit }), ...(after && { after }) };
        const found = await newestFirst("dead-letters", store.adapter, letterQuery(filter), page, "failedAt");
        return { ...found, items: found.items.map(inList) };
      },
      deadLetter: async (ctx: HttpContext) => whole(await store.get(idOf(ctx))),
      deadLetterTimeline: around,
      redrive: async (ctx: HttpContext) => {
        const { id: by } = callerOf(ctx);
        const letter = await store.redrive(idOf(ctx), causeOf(ctx), { by, ...bodyOf(ctx, RedriveBody) });
        return answer(ctx, 202, whole(letter));
      },
      discard: async (ctx: HttpContext) => {
        const { id: by } = callerOf(ctx);
        const letter = await store.discard(idOf(ctx), causeOf(ctx), { by, ...bodyOf(ctx, DiscardBody) });
        return answer(ctx, 202, whole(letter));
      },
      redrives: async (ctx: HttpContext) => {
        const page = await newestFirst("redrives", redrives.adapter, {}, queryOf(ctx, PageQuery));
        return { ...page, items: page.items.map(redriveView) };
      },
      redriveOf: async (ctx: HttpContext) => redriveView(await redrives.get(idOf(ctx))),
      redriveAll: async (ctx: HttpContext) => {
        const redrive = await redrives.start(bodyOf(ctx, RedriveAllBody), callerOf(ctx).id, causeOf(ctx));
        const headers = { Location: `/api/admin/redrives/${redrive._id}` };
        return answer(ctx, 202, redriveView(redrive), headers);
      },
      stopRedrive: async (ctx: HttpContext) => answer(ctx, 202, redriveView(await redrives.stop(idOf(ctx)))),

      /** Those of these aggregates' commands that lie here, open or discarded. */
      heldCommands: {
        visibility: "public",
        handler: async (ctx: Context<{ keys: string[] }>) => {
          const query = {
            key: { $in: ctx.params.keys },
            kind: "command",
            status: { $in: ["open", "discarded"] },
          };
          const found = await store.adapter.find({ query, fields: ["key", "channel", "status", "reason"] });
          return found.map(({ _id: id, key, channel, status, reason }) => ({
            id,
            key,
            channel,
            status,
            reason,
          }));
        },
      },
      openDeadLetters: {
        visibility: "public",
        handler: async () => store.adapter.count({ query: { status: "open" } }),
      },
    },
  };
  return {
    mixin,
    channel: { batch: 64, maxInFlight: 256, handler: (batch) => store.putAside(batch) },
  };
}
