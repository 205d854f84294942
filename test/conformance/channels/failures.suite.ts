import { PermanentError, StoreUnavailableError, TransientError } from "../../../contracts/errors";
import type { Delivery, RetryPolicy } from "../../../channels/types";
import { ascending, numberOf, numbers, seen, type Harness, type Seen } from "./harness";
import type { Use } from "./channels.suite";

const outage = (): TransientError => new TransientError("PROVIDER_DOWN", "the provider is away");

/** What fails is retried with backoff, in order, and put aside with all that an operator needs. */
export function failureConformance(use: Use): void {
  const policy = (hub: Harness, maxAttempts: number): RetryPolicy => ({
    delays: hub.kit.delays ?? [50, 100],
    maxAttempts,
    jitter: 0,
  });

  it("repeats only the messages whose outcome is an error", async () => {
    const hub = use();
    const calls: Seen[] = [];
    const handler = async (payloads: unknown[], deliveries: Delivery[]) =>
      payloads.map((payload, i) => {
        calls.push(seen(payload, deliveries[i]));
        return numberOf(payload) % 5 === 0 && deliveries[i].attempt === 1 ? outage() : null;
      });
    const retry = policy(hub, 3);
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler, batch: 10, retry });

    await Promise.all(numbers(30).map((n) => node.publish(hub.channel, { n }, { key: `k${n}` })));

    await hub.until(() => calls.filter(({ n }) => n % 5 === 0).length === 12);
    await hub.until(() => new Set(calls.map(({ n }) => n)).size === 30);
    // Where the partition waits, what comes after the failed one may come again.
    if (!hub.kit.blocksPartition) expect(calls).toHaveLength(36);
    expect(await hub.kit.readDeadLetters(hub.channel)).toEqual([]);
  });

  it("lets a poisoned message fail alone when the handler of a batch throws", async () => {
    const hub = use();
    const done = new Set<number>();
    const handler = async (payloads: unknown[]) => {
      if (payloads.some((payload) => numberOf(payload) === 7)) throw new PermanentError("POISON", "poison");
      for (const payload of payloads) done.add(numberOf(payload));
    };
    const writer = await hub.node();
    await Promise.all(numbers(20).map((n) => writer.publish(hub.channel, { n }, { key: `k${n}` })));
    await hub.node({ group: hub.group(), channel: hub.channel, handler, batch: 20 });

    await hub.until(() => done.size === 19);
    const letters = await hub.deadLetters(1);
    expect(letters.map(({ payload, reason }) => [payload, reason])).toEqual([[{ n: 7 }, "POISON"]]);
  });

  it("retries after the delays, with growing attempt numbers, and not late", async () => {
    const hub = use();
    const [first, second] = hub.kit.delays ?? [50, 100];
    const count = 40;
    const calls = new Map<number, Seen[]>();
    const handler = (payload: unknown, delivery: Delivery) => {
      const call = seen(payload, delivery);
      calls.set(call.n, [...(calls.get(call.n) ?? []), call]);
      if (delivery.attempt < 3) throw outage();
    };
    const retry = policy(hub, 3);
    const subscription = { group: hub.group(), channel: hub.channel, handler, maxInFlight: 64, retry };
    const node = await hub.node(subscription);

    for (const n of numbers(count)) {
      await node.publish(hub.channel, { n }, { key: `k${n}` });
      // Where one failure stops the partition, the next one's delay starts when it is over.
      if (hub.kit.blocksPartition) await hub.until(() => calls.get(n)?.length === 3);
    }

    await hub.until(() => [...calls.values()].filter((times) => times.length === 3).length === count);
    const lateness = [...calls.values()].flatMap(([a, b, c]) => [b.at - a.at - first, c.at - b.at - second]);
    for (const times of calls.values())
      expect(times.map(({ delivery }) => delivery.attempt)).toEqual([1, 2, 3]);
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(-5);
    expect(ascending(lateness)[Math.floor(lateness.length * 0.99) - 1]).toBeLessThan(250);
    expect(await hub.kit.readDeadLetters(hub.channel)).toEqual([]);
  });

  it("keeps the order of a key through retries, while other keys go on", async () => {
    const hub = use();
    if (hub.kit.kind !== "event") return;
    const done: string[] = [];
    const handler = (payload: unknown, { key, attempt }: Delivery) => {
      const n = numberOf(payload);
      if (key === "a" && (n === 0 || n === 3) && attempt < 3) throw outage();
      done.push(`${key}${n}`);
    };
    const retry = policy(hub, 5);
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler, retry });

    for (const n of numbers(8)) {
      await Promise.all(["a", "b", "c"].map((key) => node.publish(hub.channel, { n }, { key })));
    }

    await hub.until(() => new Set(done).size === 24);
    for (const key of ["a", "b", "c"]) {
      const own = done.filter((one) => one.startsWith(key));
      expect([...new Set(own)]).toEqual(numbers(8).map((n) => `${key}${n}`));
    }
    if (!hub.kit.blocksPartition) expect(done.indexOf("b7")).toBeLessThan(done.indexOf("a0") + 24);
  });

  it("keeps the order of a key when the handler of a batch throws", async () => {
    const hub = use();
    if (hub.kit.kind !== "event") return;
    const done: number[] = [];
    const handler = async (payloads: unknown[], deliveries: Delivery[]) => {
      payloads.forEach((payload, i) => {
        if (numberOf(payload) % 6 === 2 && deliveries[i].attempt < 3) throw outage();
      });
      done.push(...payloads.map(numberOf));
    };
    const retry = policy(hub, 5);
    const writer = await hub.node();
    await Promise.all(numbers(30).map((n) => writer.publish(hub.channel, { n }, { key: "same" })));
    await hub.node({ group: hub.group(), channel: hub.channel, handler, batch: 8, retry });

    await hub.until(() => new Set(done).size === 30);
    expect([...new Set(done)]).toEqual(numbers(30));
  });

  it("doesn't let a retry hold up other messages", async () => {
    const hub = use();
    if (hub.kit.blocksPartition) return;
    const done: number[] = [];
    const handler = (payload: unknown, { attempt }: Delivery) => {
      if (numberOf(payload) === 0 && attempt === 1) throw outage();
      done.push(numberOf(payload));
    };
    const subscription = { group: hub.group(), channel: hub.channel, handler, maxInFlight: 1 };
    const node = await hub.node({ ...subscription, retry: policy(hub, 3) });

    for (const n of numbers(4)) await node.publish(hub.channel, { n }, { key: `k${n}` });

    await hub.until(() => done.length === 4);
    expect(done).toEqual([1, 2, 3, 0]);
  });

  it("puts a message aside at once on a permanent error, with all that is known", async () => {
    const hub = use();
    const group = hub.group();
    let calls = 0;
    const handler = () => {
      calls++;
      throw new PermanentError("NO_SUCH_PLAN", "the plan is gone");
    };
    const node = await hub.node({ group, channel: hub.channel, handler, retry: policy(hub, 5) });
    const idAndType = hub.kit.kind === "event" ? ["eventId", "eventType"] : ["commandId", "commandType"];
    const payload = { [idAndType[0]]: "m-1", [idAndType[1]]: "Tested", correlationId: "c-1", key: "order-1" };

    await node.publish(hub.channel, payload, { key: "order-1", headers: { trace: "t-1" } });

    const [letter] = await hub.deadLetters(1);
    expect(letter).toMatchObject({
      kind: hub.kit.kind,
      channel: hub.channel,
      type: "Tested",
      messageId: "m-1",
      key: "order-1",
      correlationId: "c-1",
      service: group,
      reason: "NO_SUCH_PLAN",
      error: { name: "PermanentError", message: "the plan is gone" },
      attempts: 1,
      payload,
    });
    expect(letter.id).toEqual(expect.any(String));
    expect(letter.error.stack).toContain("PermanentError");
    expect(letter.headers).toMatchObject({ trace: "t-1" });
    expect(Date.parse(letter.failedAt)).not.toBeNaN();
    expect(calls).toBe(1);
  });

  it("puts a message aside when its attempts are used up", async () => {
    const hub = use();
    const attempts: number[] = [];
    const done: number[] = [];
    const handler = (payload: unknown, { attempt }: Delivery) => {
      if (numberOf(payload) !== 0) return void done.push(numberOf(payload));
      attempts.push(attempt);
      throw outage();
    };
    const node = await hub.node({
      group: hub.group(),
      channel: hub.channel,
      handler,
      retry: policy(hub, 3),
    });

    await node.publish(hub.channel, { n: 0 }, { key: "k", headers: { trace: "t" } });
    await node.publish(hub.channel, { n: 1 }, { key: "k" });

    const letters = await hub.deadLetters(1);
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({
      reason: "ATTEMPTS_EXHAUSTED",
      attempts: 3,
      payload: { n: 0 },
      error: { name: "TransientError", message: "the provider is away" },
    });
    expect(letters[0].headers).toMatchObject({ trace: "t" });
    expect(attempts).toEqual([1, 2, 3]);
    await hub.until(() => done.length === 1);
  });

  it("puts aside what is not JSON, and goes on with the next", async () => {
    const hub = use();
    const done: number[] = [];
    const handler = (payload: unknown) => void done.push(numberOf(payload));
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler });

    await hub.kit.publishRaw(hub.channel, "{not json");
    await node.publish(hub.channel, { n: 1 }, { key: "k" });

    const [letter] = await hub.deadLetters(1);
    expect(letter).toMatchObject({ reason: "NOT_JSON", payload: "{not json", type: "unknown" });
    await hub.until(() => done.length === 1);
    expect(done).toEqual([1]);
  });

  it("puts aside as its text what nests too deep for any store, and goes on with the next", async () => {
    const hub = use();
    const done: number[] = [];
    const handler = (payload: unknown) => void done.push(numberOf(payload));
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler });

    const deep = `{"n":0,"deep":${"[".repeat(3_000)}${"]".repeat(3_000)}}`;
    await hub.kit.publishRaw(hub.channel, deep);
    await node.publish(hub.channel, { n: 1 }, { key: "k" });

    const [letter] = await hub.deadLetters(1);
    expect(letter).toMatchObject({ reason: "TOO_DEEP", payload: deep, type: "unknown" });
    await hub.until(() => done.length === 1);
    expect(done).toEqual([1]);
  });

  it("puts aside what has a longer type and correlation id than a transport may have fields for", async () => {
    const hub = use();
    const done: number[] = [];
    const handler = (payload: unknown) => {
      if (numberOf(payload) === 0) throw new PermanentError("POISON", "poison");
      done.push(numberOf(payload));
    };
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler });

    const type = "t".repeat(300);
    const { kind } = hub.kit;
    const message = { n: 0, [`${kind}Id`]: "m", [`${kind}Type`]: type, correlationId: "c".repeat(300) };
    await hub.kit.publishRaw(hub.channel, JSON.stringify(message));
    await node.publish(hub.channel, { ...message, n: 1 }, { key: "k" });

    const [letter] = await hub.deadLetters(1);
    expect(letter).toMatchObject({ reason: "POISON", payload: message, type });
    await hub.until(() => done.length === 1);
  });

  it("retries through an outage of the store without counting it", async () => {
    const hub = use();
    const attempts: number[] = [];
    const handler = async (payloads: unknown[], [{ attempt }]: Delivery[]) => {
      attempts.push(attempt);
      if (attempts.length <= 3) throw new StoreUnavailableError();
      expect(payloads).toHaveLength(1);
    };
    const retry = policy(hub, 2);
    const subscription = { group: hub.group(), channel: hub.channel, handler, batch: 5, retry };
    const node = await hub.node(subscription);

    await node.publish(hub.channel, { n: 0 }, { key: "k" });

    await hub.until(() => attempts.length === 4);
    expect(attempts).toEqual([1, 1, 1, 1]);
    expect(await hub.kit.readDeadLetters(hub.channel)).toEqual([]);
  });
}
