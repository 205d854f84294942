import type { Delivery, HubAdapter } from "../../../channels/types";
import { ascending, gate, numberOf, numbers, seen, type Seen } from "./harness";
import type { Use } from "./channels.suite";

/** What is published is delivered: whole, in batches, in order, and counted while it waits. */
export function deliveryConformance(use: Use): void {
  it("delivers everything that was published and confirmed", async () => {
    const hub = use();
    const got: { payload: unknown; delivery: Delivery }[] = [];
    const group = hub.group();
    const handler = (payload: unknown, delivery: Delivery) => void got.push({ payload, delivery });
    const node = await hub.node({ group, channel: hub.channel, handler, maxInFlight: 50 });

    await Promise.all(
      numbers(500).map((n) =>
        node.publish(
          hub.channel,
          { n, text: "Zürich ☕" },
          { key: `k${n % 7}`, headers: { trace: `t${n}` } },
        ),
      ),
    );

    await hub.until(() => got.length >= 500);
    expect(ascending(new Set(got.map(({ payload }) => numberOf(payload))))).toEqual(numbers(500));
    const { payload, delivery } = got.find((one) => numberOf(one.payload) === 33) as (typeof got)[0];
    expect(payload).toEqual({ n: 33, text: "Zürich ☕" });
    expect(delivery).toMatchObject({ channel: hub.channel, group, attempt: 1 });
    expect(delivery.headers).toMatchObject({ trace: "t33" });
    if (hub.kit.kind === "event") expect(delivery.key).toBe("k5");
  });

  it("says that it is up, once it is connected", async () => {
    const hub = use();
    const adapter = hub.kit.adapter() as unknown as HubAdapter;
    expect(adapter.isUp?.()).toBe(false);

    const node = await hub.node();
    expect(node.isUp()).toBe(true);
  });

  it("fills batches, and keeps to the batch size and to maxInFlight", async () => {
    const hub = use();
    const sizes: number[] = [];
    let inFlight = 0;
    let most = 0;
    let total = 0;
    const handler = async (payloads: unknown[]) => {
      sizes.push(payloads.length);
      inFlight += payloads.length;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inFlight -= payloads.length;
      total += payloads.length;
    };
    const writer = await hub.node();
    await Promise.all(numbers(300).map((n) => writer.publish(hub.channel, { n }, { key: `k${n}` })));
    await hub.node({ group: hub.group(), channel: hub.channel, handler, batch: 16, maxInFlight: 32 });

    await hub.until(() => total >= 300);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(16);
    expect(Math.max(...sizes)).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(32);
  });

  it("keeps to maxInFlight where messages come one by one", async () => {
    const hub = use();
    let inFlight = 0;
    let most = 0;
    let total = 0;
    const handler = async () => {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inFlight--;
      total++;
    };
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler, maxInFlight: 4 });
    await Promise.all(numbers(60).map((n) => node.publish(hub.channel, { n }, { key: `k${n}` })));

    await hub.until(() => total >= 60);
    expect(most).toBeLessThanOrEqual(4);
  });

  it("lets a message of a batch settle later than the others", async () => {
    const hub = use();
    const late = gate();
    const done: number[] = [];
    const handler = async (payloads: unknown[]) =>
      payloads.map((payload) => {
        done.push(numberOf(payload));
        return numberOf(payload) === 0 ? late.opened : null;
      });
    const node = await hub.node({
      group: hub.group(),
      channel: hub.channel,
      handler,
      batch: 8,
      maxInFlight: 16,
    });
    await Promise.all(numbers(40).map((n) => node.publish(hub.channel, { n }, { key: `k${n % 40}` })));

    if (!hub.kit.blocksPartition) await hub.until(() => new Set(done).size === 40);
    late.open();
    await hub.until(() => new Set(done).size === 40);
    expect(ascending(done)).toEqual(numbers(40));
  });

  it("keeps the order of each key under concurrent publishes", async () => {
    const hub = use();
    if (hub.kit.kind !== "event") return;
    const order = new Map<string, number[]>();
    const handler = async (payloads: unknown[], deliveries: Delivery[]) =>
      payloads.forEach((payload, i) => {
        const key = deliveries[i].key as string;
        order.set(key, [...(order.get(key) ?? []), numberOf(payload)]);
      });
    const node = await hub.node({
      group: hub.group(),
      channel: hub.channel,
      handler,
      batch: 10,
      maxInFlight: 40,
    });

    await Promise.all(numbers(400).map((n) => node.publish(hub.channel, { n }, { key: `k${n % 9}` })));

    await hub.until(() => [...order.values()].flat().length >= 400);
    for (const values of order.values()) expect(values).toEqual(ascending(values));
  });

  it("confirms and delivers, or rejects, each publish when the node stops meanwhile", async () => {
    const hub = use();
    const got = new Set<number>();
    const handler = (payload: unknown) => void got.add(numberOf(payload));
    await hub.node({ group: hub.group(), channel: hub.channel, handler });
    const writer = await hub.node();
    const confirmed: number[] = [];
    const publishing: Promise<void>[] = [];
    const publish = (n: number) =>
      publishing.push(
        writer.publish(hub.channel, { n }, { key: `k${n}` }).then(
          () => void confirmed.push(n),
          () => undefined,
        ),
      );
    let n = 0;
    const timer = setInterval(() => numbers(20).forEach(() => publish(n++)), 1);
    await hub.until(() => confirmed.length > 0);

    await hub.stop(writer);
    clearInterval(timer);

    await Promise.all(publishing);
    expect(confirmed.length).toBeGreaterThan(0);
    await hub.until(() => confirmed.every((one) => got.has(one)));
  });

  it("doesn't deliver a message a second time while its handler takes long", async () => {
    const hub = use();
    const long = (hub.kit.sessionTimeout ?? 500) * 1.5;
    const calls: Seen[] = [];
    let finished = 0;
    const handler = async (payload: unknown, delivery: Delivery) => {
      calls.push(seen(payload, delivery));
      if (numberOf(payload) === 0) await new Promise((resolve) => setTimeout(resolve, long));
      finished++;
    };
    const subscription = { group: hub.group(), channel: hub.channel, handler };
    const node = await hub.node(subscription);
    await hub.node(subscription);

    await Promise.all(numbers(5).map((n) => node.publish(hub.channel, { n }, { key: `k${n}` })));

    await hub.until(() => finished >= 5);
    expect(ascending(calls.map((call) => call.n))).toEqual(numbers(5));
  });

  it("counts what a group has not finished", async () => {
    const hub = use();
    const group = hub.group();
    const door = gate();
    const handler = () => door.opened;
    const node = await hub.node({ group, channel: hub.channel, handler, maxInFlight: 2 });

    await Promise.all(numbers(20).map((n) => node.publish(hub.channel, { n }, { key: `k${n}` })));

    await hub.until(async () => (await node.lag(group)) === 20);
    door.open();
    await hub.until(async () => (await node.lag(group)) === 0);
  });

  it("takes nothing new once it drains, and waits for what is under way", async () => {
    const hub = use();
    const door = gate();
    const started: number[] = [];
    let finished = 0;
    const handler = async (payload: unknown) => {
      started.push(numberOf(payload));
      await door.opened;
      finished++;
    };
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler, maxInFlight: 1 });
    await Promise.all(numbers(5).map((n) => node.publish(hub.channel, { n }, { key: "k" })));
    await hub.until(() => started.length === 1);

    const drained = node.drain(hub.deadline);
    door.open();
    await drained;

    expect(finished).toBe(1);
    expect(started).toHaveLength(1);
  });
}
