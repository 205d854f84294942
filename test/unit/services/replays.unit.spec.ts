import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServiceBroker } from "moleculer";
import type { HubEvent } from "../../../contracts/events";
import { EventLog } from "../../../services/audit/event-log";
import { ReadModels, type ModelState } from "../../../services/audit/read-models";
import { Replays } from "../../../services/audit/replays";
import { openDatabase } from "../../../store";
import type { Database } from "../../../store/types";
import { waitFor } from "../../support/wait";

const published = {
  eventId: "event-1",
  eventType: "PlanPublished",
  timestamp: "2026-01-15T09:00:00.000Z",
  correlationId: "order-1",
  source: "plans",
  version: "1.0",
  key: "basic",
  sequence: 1,
  data: {
    planId: "basic",
    name: "Basic",
    price: { amount: 900, currency: "EUR" },
    interval: "month",
    seats: null,
  },
} as unknown as HubEvent;

describe("a read model that is not built yet", () => {
  let folder: string;
  let database: Database;
  let models: ReadModels;
  let log: EventLog;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "hub-replays-"));
    database = await openDatabase({ dataDir: folder });
    models = new ReadModels(database);
    log = new EventLog(database);
    await Promise.all([models.docs, models.states, log.entries].map((adapter) => adapter.connect()));
    await log.keep([published]);
  });

  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The replays of one node. */
  async function node(): Promise<Replays> {
    const logger = { warn: () => undefined, error: () => undefined };
    const broker = { hub: { database }, getLogger: () => logger } as unknown as ServiceBroker;
    const replays = new Replays(broker, models, log);
    await replays.docs.connect();
    return replays;
  }

  it("given two nodes, when they start together, then both start and it is built", async () => {
    const [one, other] = await Promise.all([node(), node()]);
    await Promise.all([one.begin(), other.begin()]);
    const state = () => models.states.findById("catalogue") as Promise<ModelState>;
    await waitFor(async () => !(await state()).unbuilt);
  });
});
