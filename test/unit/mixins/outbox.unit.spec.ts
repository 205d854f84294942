import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoggerInstance, ServiceBroker } from "moleculer";
import { PermanentError } from "../../../contracts/errors";
import type { EventEnvelope, MessageEnvelope } from "../../../contracts/envelope";
import {
  backlogOf,
  OutboxRelay,
  type OutboxEntry,
  type OutboxFields,
} from "../../../mixins/persistence/outbox";
import { Requests } from "../../../mixins/http/requests-first";
import { openDatabase } from "../../../store";
import type { Database, StoreAdapter } from "../../../store/types";
import { waitFor } from "../../support/wait";

const OWNER = "node-a";

const entry = (id: string): OutboxEntry => ({
  id,
  message: { eventId: id, eventType: "OrderPlaced", key: "order" } as unknown as MessageEnvelope,
});

const idOf = (message: MessageEnvelope): string => (message as EventEnvelope).eventId;

describe("the relay", () => {
  let folder: string;
  let database: Database;
  let adapter: StoreAdapter<OutboxFields>;
  let relay: OutboxRelay;
  let publish: jest.Mock<Promise<void>, [string, MessageEnvelope]>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "hub-outbox-"));
    database = await openDatabase({ dataDir: folder });
    adapter = database.adapter<OutboxFields>({ name: "things", indexes: [{ fields: ["outboxDueAt"] }] });
    await adapter.connect();
    publish = jest.fn<Promise<void>, [string, MessageEnvelope]>(async () => undefined);
    relay = relayOf({ nodes: 2 });
    relay.start();
  });

  afterEach(async () => {
    await relay.stop();
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The relay of a node in a mesh of so many. */
  function relayOf({ nodes }: { nodes: number }): OutboxRelay {
    const hub = { database: { kind: "mongodb" }, requests: new Requests() };
    const registry = { nodes: { list: () => Array.from({ length: nodes }, () => ({})) } };
    const transit = { connected: true };
    const broker = { publishEvent: publish, hub, registry, transit } as unknown as ServiceBroker;
    const logger = { warn: () => undefined, error: () => undefined } as unknown as LoggerInstance;
    return new OutboxRelay(broker, OWNER, adapter, logger);
  }

  /** A document as this node has just stored it, at version 1. */
  async function stored(...entries: OutboxEntry[]): Promise<void> {
    const lease = { outboxOwner: OWNER, outboxDueAt: Date.now() + 60_000 };
    await adapter.insert({ _id: "thing", version: 1, outbox: entries, ...lease });
  }

  const sentIds = (): string[] => publish.mock.calls.map(([, message]) => idOf(message));
  const now = (): Promise<OutboxFields | null> => adapter.findById("thing");

  test("empties the outbox and gives the lease back when all is confirmed", async () => {
    await stored(entry("a"), entry("b"));
    relay.send("thing", 1, [entry("a"), entry("b")]);
    await waitFor(async () => (await now())?.outbox.length === 0);
    expect(await now()).toEqual({ _id: "thing", version: 1, outbox: [] });
    expect(publish).toHaveBeenCalledTimes(2);
  });

  test("of a node that is alone leaves that to the next write of the document, for a while", async () => {
    await relay.stop();
    relay = relayOf({ nodes: 1 });
    relay.start();
    await stored(entry("a"));
    relay.send("thing", 1, [entry("a")]);
    await waitFor(() => relay.areConfirmed([entry("a")]));
    expect((await now())?.outbox).toHaveLength(1);
    await waitFor(async () => (await now())?.outbox.length === 0);
  });

  test("sends what another node has put into the outbox meanwhile", async () => {
    await stored(entry("a"));
    publish.mockImplementationOnce(async () => {
      await adapter.updateMany({ _id: "thing" }, { $push: { outbox: entry("b") }, $inc: { version: 1 } });
    });
    relay.send("thing", 1, [entry("a")]);
    await waitFor(() => publish.mock.calls.length === 2);
    expect(sentIds()).toEqual(["a", "b"]);
    await waitFor(async () => (await now())?.outbox.length === 0);
  });

  test("takes out only what is confirmed, and sends the rest again", async () => {
    await stored(entry("a"), entry("b"));
    let away = true;
    publish.mockImplementation(async (_topic, message) => {
      if (idOf(message) === "b" && away) throw new Error("The broker is away.");
    });
    relay.send("thing", 1, [entry("a"), entry("b")]);
    await waitFor(async () => (await now())?.outbox.length === 1);
    expect(await now()).toMatchObject({ outbox: [{ id: "b" }], outboxOwner: OWNER });
    away = false;
    await waitFor(async () => (await now())?.outbox.length === 0);
    expect(await now()).not.toHaveProperty("outboxOwner");
  });

  test("sends what an earlier write has left in the outbox before what is new, and each once", async () => {
    await stored(entry("a"), entry("b"));
    relay.send("thing", 1, [entry("b")], [entry("a")]);
    await waitFor(async () => (await now())?.outbox.length === 0);
    relay.send("thing", 1, [entry("c")], [entry("a"), entry("b")]);
    await waitFor(() => publish.mock.calls.length === 3);
    expect(sentIds()).toEqual(["a", "b", "c"]);
  });

  test("an outbox whose node is gone is taken over by one of those who look, and by no second", async () => {
    await stored(entry("a"));
    await adapter.updateMany(
      { _id: "thing" },
      { $set: { outboxDueAt: Date.now() - 1, outboxOwner: "node-gone" } },
    );
    // The other looks at the same moment: it has read the outbox before this one has taken it.
    const find = adapter.find.bind(adapter);
    jest.spyOn(adapter, "find").mockImplementationOnce(async (options) => {
      const due = await find(options);
      const lease = { outboxDueAt: Date.now() + 60_000, outboxOwner: "node-b" };
      await adapter.updateMany({ _id: "thing" }, { $set: lease });
      return due;
    });
    await waitFor(() => jest.mocked(adapter.find).mock.calls.length >= 2);
    expect(await now()).toMatchObject({ outboxOwner: "node-b" });
    expect(publish).not.toHaveBeenCalled();
  });

  test("the lease of an empty outbox, left by a node that died while it cleared it, is taken out", async () => {
    await stored();
    await adapter.updateMany({ _id: "thing" }, { $set: { outboxDueAt: Date.now() - 1 } });
    await waitFor(async () => !("outboxDueAt" in ((await now()) ?? {})));
    expect(await backlogOf(adapter)).toEqual({ pending: 0, oldestSeconds: 0 });
  });

  test("the oldest message is the oldest, whichever lease ends first", async () => {
    const since = (seconds: number): OutboxEntry => {
      const { id, message } = entry("m");
      return { id, message: { ...message, timestamp: new Date(Date.now() - seconds * 1_000).toISOString() } };
    };
    const lease = { outboxOwner: "node-b", outboxDueAt: Date.now() + 30_000 };
    await adapter.insert({ _id: "young", version: 1, outbox: [since(5)], ...lease });
    await adapter.insert({
      _id: "old",
      version: 1,
      outbox: [since(60)],
      ...lease,
      outboxDueAt: Date.now() + 60_000,
    });
    const { pending, oldestSeconds } = await backlogOf(adapter);
    expect(pending).toBe(2);
    expect(Math.round(oldestSeconds)).toBe(60);
  });

  test("a message that can't be sent stays in the store and holds nobody else up", async () => {
    await stored(entry("too-large"), entry("b"));
    await adapter.insert({ _id: "other", version: 1, outbox: [entry("c")], outboxOwner: OWNER });
    publish.mockImplementation(async (_topic, message) => {
      if (idOf(message) === "too-large") throw new PermanentError("MESSAGE_TOO_LARGE", "Too large.");
    });
    relay.send("thing", 1, [entry("too-large")]);
    relay.send("other", 1, [entry("c")]);
    await waitFor(async () => (await adapter.findById("other"))?.outbox.length === 0);
    await waitFor(() => relay.pending === 0);
    expect((await now())?.outbox.map(({ id }) => id)).toEqual(["too-large", "b"]);
  });
});
