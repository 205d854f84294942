import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedAdapter, type EmbeddedOptions } from "../../../channels/embedded";
import type { Delivery } from "../../../channels/types";
import { StoreUnavailableError, TransientError } from "../../../contracts/errors";
import { SqliteEngine } from "../../../store/sqlite/engine";
import { waitFor } from "../../support/wait";
import { HubNode, type Subscription } from "./hub-node";
import { numberOf, numbers } from "./harness";

const CHANNEL = "test.log";
const retry = { delays: [1, 5], maxAttempts: 100, jitter: 5 };

/** What only the embedded log promises: it survives its process, stays small, and lets others go first. */
describe("the embedded log", () => {
  let folder: string;
  let engine: SqliteEngine;
  let nodes: HubNode[] = [];
  const start = async (options: Partial<EmbeddedOptions>, ...subscriptions: Subscription[]) => {
    const adapter = new EmbeddedAdapter({
      engine: () => engine,
      kind: "event",
      leaveTimeout: 50,
      ...options,
    });
    const node = await HubNode.start(adapter, adapter.kind, subscriptions);
    nodes.push(node);
    return node;
  };
  const stopAll = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    nodes = [];
  };
  const restart = async () => {
    await stopAll();
    engine.release();
    engine = SqliteEngine.acquire(folder);
  };
  const messagesKept = (kind: string) =>
    (engine.prepare(`SELECT count(*) AS n FROM hub_${kind}_messages`).get() as { n: number }).n;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "hub-log-"));
    engine = SqliteEngine.acquire(folder);
  });
  afterEach(async () => {
    await stopAll();
    engine.release();
    rmSync(folder, { recursive: true, force: true });
  });

  it("keeps every message and each key's order through random failures and restarts", async () => {
    const count = 3_000;
    const done = new Map<string, number[]>();
    let finished = 0;
    // A fixed seed: a failure can be run again.
    let state = 42;
    const random = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
    const apply = (payload: unknown, { key }: Delivery): Error | null => {
      const chance = random();
      if (chance < 0.05) return new TransientError("SHAKY", "shaky");
      if (chance < 0.06) return new StoreUnavailableError();
      const own = done.get(key as string) ?? [];
      done.set(key as string, own);
      // What was in effect but not acknowledged may come again.
      if (!own.includes(numberOf(payload))) finished++;
      own.push(numberOf(payload));
      return null;
    };
    const handler = async (payloads: unknown[], deliveries: Delivery[]) => {
      await new Promise((resolve) => setImmediate(resolve));
      payloads.forEach((payload, i) => {
        const error = apply(payload, deliveries[i]);
        if (error) throw error;
      });
    };
    const subscription = { group: "g", channel: CHANNEL, handler, batch: 8, maxInFlight: 24, retry };
    let published = 0;
    while (published < count) {
      const node = await start({}, subscription);
      await start({}, subscription);
      const batch = numbers(300).map((n) => published + n);
      published += batch.length;
      await Promise.all(batch.map((n) => node.publish(CHANNEL, { n }, { key: `k${n % 40}` })));
      await restart();
    }
    const node = await start({}, subscription);

    await waitFor(() => finished === count, { timeout: 15_000 });
    await waitFor(async () => (await node.lag("g")) === 0);
    for (const own of done.values()) {
      // First effects are in order; repeats may only go back, never leave one out.
      const first = own.filter((n, i) => own.indexOf(n) === i);
      expect(first).toEqual([...first].sort((a, b) => a - b));
    }
  }, 30_000);

  it("remembers attempts over a restart", async () => {
    const attempts: number[] = [];
    const handler = (_payload: unknown, { attempt }: Delivery) => {
      attempts.push(attempt);
      if (attempts.length < 3) throw new TransientError("SHAKY", "shaky");
    };
    const subscription = { group: "g", channel: CHANNEL, handler, retry: { ...retry, delays: [200] } };
    const node = await start({}, subscription);
    await node.publish(CHANNEL, { n: 0 }, { key: "k" });
    await waitFor(() => attempts.length === 1);
    await waitFor(async () => (engine.prepare("SELECT 1 FROM hub_event_parked").get() ? true : false));

    await restart();
    await start({}, subscription);

    await waitFor(() => attempts.length === 3);
    expect(attempts).toEqual([1, 2, 3]);
  });

  it("removes commands that are done, and events once their time is over", async () => {
    const handler = () => undefined;
    const commands = await start({ kind: "command" }, { group: "g", channel: CHANNEL, handler });
    const events = await start({ retentionMs: 0 }, { group: "g", channel: CHANNEL, handler });

    for (const node of [commands, events]) {
      await Promise.all(numbers(1_200).map((n) => node.publish(CHANNEL, { n }, { key: "k" })));
    }

    await waitFor(() => messagesKept("command") === 0);
    await waitFor(() => messagesKept("event") === 0);
  });

  it("keeps a command until somebody takes it", async () => {
    const writer = await start({ kind: "command" });
    await writer.publish("test.other", { n: 0 });
    let done = 0;
    const handler = () => void done++;
    await start({ kind: "command" }, { group: "g", channel: CHANNEL, handler });
    await writer.publish(CHANNEL, { n: 1 });

    await waitFor(() => done === 1 && messagesKept("command") === 1);
  });

  it("goes on under lasting pressure, only slower", async () => {
    let done = 0;
    const handler = () => void done++;
    const node = await start({ pressure: () => true }, { group: "g", channel: CHANNEL, handler });

    await Promise.all(numbers(300).map((n) => node.publish(CHANNEL, { n })));

    await waitFor(() => done === 300);
  });

  describe("when the clock is put back by an hour", () => {
    const now = Date.now.bind(Date);
    const putBack = () => jest.spyOn(Date, "now").mockImplementation(() => now() - 3_600_000);
    afterEach(() => jest.restoreAllMocks());

    it("goes on under lasting pressure", async () => {
      let done = 0;
      const handler = () => void done++;
      const node = await start({ pressure: () => true }, { group: "g", channel: CHANNEL, handler });
      await node.publish(CHANNEL, { n: 0 });
      await waitFor(() => done === 1);
      putBack();
      await node.publish(CHANNEL, { n: 1 });
      await waitFor(() => done === 2);
    });

    it("removes what was written before, and what comes after it", async () => {
      const handler = () => undefined;
      const node = await start({ retentionMs: 1 }, { group: "g", channel: CHANNEL, handler });
      await Promise.all(numbers(600).map((n) => node.publish(CHANNEL, { n })));
      putBack();
      await Promise.all(numbers(600).map((n) => node.publish(CHANNEL, { n })));
      await waitFor(() => messagesKept("event") === 0);
    });
  });

  it("acknowledges past a message whose handler takes very long", async () => {
    let open = (): void => undefined;
    const late = new Promise<void>((resolve) => (open = resolve));
    const done = new Set<number>();
    const handler = async (payloads: unknown[]) =>
      payloads.map((payload) => {
        done.add(numberOf(payload));
        return numberOf(payload) === 0 ? late : null;
      });
    const subscription = { group: "g", channel: CHANNEL, handler, batch: 64, maxInFlight: 256 };
    const node = await start({ kind: "command" }, subscription);

    await Promise.all(numbers(6_000).map((n) => node.publish(CHANNEL, { n })));
    await waitFor(() => done.size === 6_000);
    // A last message moves the cursor past the one that is still in hand.
    await node.publish(CHANNEL, { n: 6_000 });

    await waitFor(() => messagesKept("command") < 6_000);
    expect(await node.lag("g")).toBeGreaterThanOrEqual(1);
    open();
    await waitFor(async () => (await node.lag("g")) === 0);
  });
});
