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

describe("a read model that is not built yet", () => {
  it("given two nodes, when they start together, then both start and it is built", async () => {
    const [one, other] = await Promise.all([node(), node()]);
    await Promise.all([one.begin(), other.begin()]);
    const state = () => models.states.findById("catalogue") as Promise<ModelState>;
    await waitFor(async () => !(await state()).unbuilt);
  });
});

describe("a replay whose switch is not answered as it should be", () => {
  /** One replay, whose write that makes its generation live is done by `instead`. */
  async function replayed(instead: (write: () => Promise<boolean[]>) => Promise<boolean[]>) {
    const replays = await node();
    const updateEach = models.states.updateEach.bind(models.states);
    jest
      .spyOn(models.states, "updateEach")
      .mockImplementation((updates) =>
        updates.some(({ update }) => update.$set?.generation !== undefined)
          ? instead(() => updateEach(updates))
          : updateEach(updates),
      );
    const { id } = await replays.start({ projection: "catalogue" });
    await waitFor(async () => !(await models.states.findById("catalogue"))?.leaseBy);
    return { replay: await replays.get(id), state: await models.states.findById("catalogue") };
  }

  it.each<[string, (write: () => Promise<boolean[]>) => Promise<boolean[]>]>([
    [
      "an error",
      async (write) => {
        await write();
        throw new Error("The store did not answer.");
      },
    ],
    ["no", async (write) => (await write()).map(() => false)],
  ])(
    "given it was made and answered with %s, then it counts, and the live model stays",
    async (_, instead) => {
      const { replay, state } = await replayed(instead);
      expect(replay).toMatchObject({ status: "done", progress: 1 });
      expect(state).toMatchObject({ generation: 2, old: [1] });
      expect(state?.unbuilt).toBeUndefined();
    },
  );

  it("given it was not made, then the replay has failed, and its own model goes", async () => {
    const { replay, state } = await replayed(() => Promise.reject(new Error("The store did not answer.")));
    expect(replay).toMatchObject({ status: "failed", error: "The store did not answer." });
    expect(state).toMatchObject({ generation: 1, old: [2] });
  });

  it("given it is under way when it is looked for, then it comes too late", async () => {
    let late: boolean[] | undefined;
    const { replay, state } = await replayed((write) => {
      const stateOf = models.stateOf.bind(models);
      jest.spyOn(models, "stateOf").mockImplementationOnce(async (projection) => {
        const before = await stateOf(projection);
        late = await write();
        return before;
      });
      return Promise.reject(new Error("The store did not answer."));
    });
    expect(late).toEqual([false]);
    expect(replay.status).toBe("failed");
    expect(state).toMatchObject({ generation: 1, old: [2] });
  });
});
