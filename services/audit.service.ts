import type { Context } from "moleculer";
import { DEAD_LETTERS } from "../channels/types";
import { AuditQuery, PageQuery, ReplayBody } from "../contracts/api";
import { NotFoundError } from "../contracts/errors";
import { ALL_TOPICS, type HubEvent } from "../contracts/events";
import { catalogue, versionsOf } from "../domain/projections/catalogue";
import { dashboard, dashboardOf, type Dashboard } from "../domain/projections/dashboard";
import { defineService } from "../mixins/define-service";
import { countedOnce } from "../mixins/counted-once";
import { oldestFirst, timeRange } from "../mixins/persistence/paging";
import { answer, bodyOf, idOf, queryOf, type HttpContext } from "../mixins/http/request";
import type { Query } from "../store/types";
import { deadLetters } from "./audit/dead-letters";
import { EventLog, type Entry } from "./audit/event-log";
import { ReadModels } from "./audit/read-models";
import { Replays } from "./audit/replays";
import { Seals } from "./audit/seals";

/** The most events that tell what happened around a dead letter. */
const STORY = 500;
/** Nobody waits for the event store: on Kafka it takes more events at once, in milliseconds. */
const LINGER_MS = 250;

const entryView = ({ _id, position: _p, orderId: _o, ...event }: Entry) => ({ id: _id, ...event });

/** The event store: every event, in order, for ever; its read models; and the messages that were put aside. */
export default defineService(({ broker, database }) => {
  const log = new EventLog(database);
  const models = new ReadModels(database);
  const replays = new Replays(broker, models, log);
  const seals = new Seals(broker, log);

  /** Stored first, then told to the read models: so a replay misses nothing that the live one was told. */
  async function keep(batch: HubEvent[]): Promise<void> {
    await log.keep(batch);
    await models.tell(batch);
  }

  const dashboardNow = countedOnce<Dashboard>(async () => {
    const cells = await models.cells(dashboard);
    return dashboardOf(cells.map(({ key, count }) => ({ cell: String(key), count })));
  });

  const related = (correlationId: string) => log.related(correlationId, STORY);
  const further = [log.entries, models.docs, models.states, replays.docs, seals.docs];
  const aside = deadLetters(broker, related, further);
  const consume = { batch: 512, maxInFlight: 2048, linger: LINGER_MS, handler: keep };

  return {
    name: "audit",
    mixins: [aside.mixin, replays.mixin, seals.sweep.mixin],
    actions: {
      list: async (ctx: HttpContext) => {
        const { type, key, correlationId, from, to, limit, after } = queryOf(ctx, AuditQuery);
        // Named one by one: a query may have more than its schema says, and must not reach the store.
        const query: Query = {
          ...(type && { eventType: type }),
          ...(key && { key }),
          ...(correlationId && { correlationId }),
          ...timeRange("timestamp", { from, to }),
        };
        const page = await oldestFirst(log.entries, query, {
          ...(limit && { limit }),
          ...(after && { after }),
        });
        return { ...page, items: page.items.map(entryView) };
      },

      /** Every event of an order, oldest first. */
      ofOrder: {
        visibility: "public",
        handler: (ctx: Context<{ orderId: string }>) => log.ofOrder(ctx.params.orderId),
      },

      /** The dashboard's numbers. */
      dashboard: { visibility: "public", handler: dashboardNow },
      planHistory: async (ctx: HttpContext) => {
        const facts = await models.facts(catalogue, idOf(ctx));
        if (!facts) throw new NotFoundError("plan");
        return { planId: idOf(ctx), versions: versionsOf(facts) };
      },

      replays: async (ctx: HttpContext) => replays.list(queryOf(ctx, PageQuery)),
      replay: async (ctx: HttpContext) => {
        const replay = await replays.start(bodyOf(ctx, ReplayBody));
        return answer(ctx, 202, replay, { Location: `/api/admin/replays/${replay.id}` });
      },
      replayOf: async (ctx: HttpContext) => replays.get(idOf(ctx)),

      verify: async (ctx: HttpContext) => seals.verify(queryOf(ctx, PageQuery)),
      /** Seals now what came in more than `ageMs` ago; by itself it happens in the background, a minute later. */
      seal: {
        visibility: "public",
        handler: async (ctx: Context<{ ageMs: number }>) => seals.sealAll(ctx.params.ageMs),
      },
    },
    domainEvents: {
      ...Object.fromEntries(ALL_TOPICS.map((topic) => [topic, consume])),
      [DEAD_LETTERS]: { ...aside.channel, linger: LINGER_MS },
    },
    commands: { [DEAD_LETTERS]: aside.channel },
    started: () => replays.begin(),
  };
});
