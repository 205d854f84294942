import { ServiceBroker } from "moleculer";
import { timelineOf } from "../../domain/timeline";
import type { Order } from "../../domain/order";
import { EventLog } from "../../services/audit/event-log";
import { ReadModels } from "../../services/audit/read-models";
import { Replays } from "../../services/audit/replays";
import { openDatabase } from "../../store";
import type { Database, StoreAdapter } from "../../store/types";
import { EVENTS_PER_ORDER, historyOf, orderIdOf } from "./history";

/** As the audit service takes them: batches of one consumer, several under way. */
const BATCH = 512;
const UNDER_WAY = 4;
const LOOKS = 2_000;
const PAGE = 500;
/** What a timeline takes of the order itself. */
const ORDER = { facts: [], items: [], total: {}, createdAt: "2026-01-01T00:00:00.000Z", requestId: "r" };
const DASHBOARD = { query: { eventType: { $in: ["OrderPlaced", "OrderRejected", "OrderUpdated"] } } };

export interface HistoryResult {
  events: number;
  /** Events a second. */
  kept: number;
  told: number;
  read: number;
  replayed: number;
  /** Milliseconds of each look-up. */
  looks: number[];
}

/** The event store in a process of its own: `history.child.ts EVENTS`; prints a HistoryResult as JSON. */
async function main([count = "0"]: string[]): Promise<void> {
  const database = await openDatabase({
    mongoUrl: process.env.MONGO_URL,
    dataDir: process.env.DATA_DIR ?? "",
  });
  const log = new EventLog(database);
  const models = new ReadModels(database);
  const replays = new Replays(brokerOf(database), models, log);
  for (const adapter of [log.entries, models.docs, models.states, replays.docs])
    await (adapter as unknown as StoreAdapter).connect();
  for (const adapter of [log.entries, models.docs, models.states, replays.docs])
    await (adapter as unknown as StoreAdapter).clear();

  const orders = Math.ceil(Number(count) / EVENTS_PER_ORDER);
  const half = Math.floor(orders / 2);
  const kept = await rate(half * EVENTS_PER_ORDER, () => fill(0, half, (batch) => log.keep(batch)));
  const told = await rate((orders - half) * EVENTS_PER_ORDER, () =>
    fill(half, orders, async (batch) => {
      await log.keep(batch);
      await models.tell(batch);
    }),
  );

  const looks: number[] = [];
  for (let i = 0; i < LOOKS; i++) {
    const _id = orderIdOf(Math.floor(Math.random() * orders));
    const from = performance.now();
    timelineOf({ ...ORDER, _id } as unknown as Order, await log.ofOrder(_id));
    looks.push(performance.now() - from);
  }

  const relevant = await log.count(0, DASHBOARD);
  const read = await rate(relevant, () => readAll(log));
  // The first half was never told to the live model: the replay that is measured finds nothing different.
  await replay(replays);
  const replayed = await rate(relevant, () => replay(replays));
  const result: HistoryResult = { events: orders * EVENTS_PER_ORDER, kept, told, read, replayed, looks };
  process.stdout.write(JSON.stringify(result));
}

/** What the parts of the audit service need of a broker. */
function brokerOf(database: Database): ServiceBroker {
  const broker = new ServiceBroker({ logger: false });
  Object.assign(broker, { hub: { database } });
  return broker;
}

async function rate(events: number, work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return (events / (performance.now() - from)) * 1_000;
}

type Batch = ReturnType<typeof historyOf>;

async function fill(from: number, to: number, keep: (batch: Batch) => Promise<void>): Promise<void> {
  let under: Promise<void>[] = [];
  let batch: Batch = [];
  for (let n = from; n < to; n++) {
    batch.push(...historyOf(n));
    if (batch.length < BATCH && n < to - 1) continue;
    under.push(keep(batch));
    batch = [];
    if (under.length < UNDER_WAY) continue;
    await Promise.all(under);
    under = [];
  }
  await Promise.all(under);
}

/** The same events as a replay reads, page by page, and nothing done with them. */
async function readAll(log: EventLog): Promise<void> {
  for (let after = 0, atEnd = false; !atEnd;)
    ({ upTo: after, atEnd } = await log.page(after, PAGE, DASHBOARD));
}

async function replay(replays: Replays): Promise<void> {
  const { id } = await replays.start({ projection: "dashboard" });
  for (;;) {
    const { status, error } = await replays.get(id);
    if (status === "done") return;
    if (status === "failed") throw new Error(error);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
