import { ServiceBroker, type LoggerInstance } from "moleculer";
import { AmqpAdapter } from "../../../channels/amqp";
import { DEAD_LETTERS, type BatchHandler, type Delivery, type HubChannel } from "../../../channels/types";
import type { CommandEnvelope } from "../../../contracts/envelope";
import {
  ChannelUnavailableError,
  PermanentError,
  StoreUnavailableError,
  TransientError,
} from "../../../contracts/errors";
import { TcpProxy } from "../../support/proxy";
import { Rabbit, through } from "../../support/rabbit";
import { scriptedServer } from "../../support/servers";
import { waitFor } from "../../support/wait";
import { amqpKit } from "./amqp.kit";
import { channelConformance } from "./channels.suite";

const url = process.env.COMMANDS_URL ?? "";
const withServer = url ? describe : describe.skip;
const canFail = url !== "" && scriptedServer("rabbit", url) !== null;

withServer("amqp commands", () => channelConformance(() => amqpKit(url), canFail));

/** What only RabbitMQ has: connections, queues, properties. What all transports share is in the suite. */
withServer("the RabbitMQ adapter", () => {
  let rabbit: Rabbit;
  let queue: string;
  let lines: string[];
  let broker: ServiceBroker;
  const adapters: AmqpAdapter[] = [];
  const proxies: TcpProxy[] = [];

  const logger = Object.fromEntries(
    ["fatal", "error", "warn", "info", "debug", "trace"].map((level) => [
      level,
      (...parts: unknown[]) => lines.push([level, ...parts].join(" ")),
    ]),
  ) as unknown as LoggerInstance;

  const adapterAt = async (address: string) => {
    const adapter = new AmqpAdapter({ url: address });
    adapters.push(adapter);
    adapter.init(broker, logger);
    await adapter.connect();
    return adapter;
  };

  const proxied = async () => {
    const { hostname, port } = new URL(url);
    const proxy = await TcpProxy.to(hostname, Number(port) || 5672);
    proxies.push(proxy);
    return proxy;
  };

  type Handler = (payload: never, delivery: never) => Promise<unknown>;
  const channel = (handler: Handler, more: Partial<HubChannel> = {}) =>
    ({
      id: `node.${queue}`,
      name: queue,
      group: "payments",
      unsubscribing: false,
      maxInFlight: 50,
      retry: { delays: [50, 100], maxAttempts: 3, jitter: 0 },
      handler,
      ...more,
    }) as unknown as Parameters<AmqpAdapter["subscribe"]>[0];

  const deadLetter = () => waitFor(async () => (await rabbit.takeDeadLetters(DEAD_LETTERS))[0]);

  beforeAll(() => {
    rabbit = new Rabbit(url);
  });

  beforeEach(() => {
    queue = rabbit.queue();
    lines = [];
    broker = new ServiceBroker({ logger: false, nodeID: "node" });
  });

  afterEach(async () => {
    for (const adapter of adapters.splice(0)) await adapter.disconnect();
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  afterAll(() => rabbit.close());

  describe("a published command", () => {
    it("is persistent, and its envelope can be read from the AMQP properties", async () => {
      const adapter = await adapterAt(url);
      await adapter.publish(queue, command(1), { headers: { "x-test": "1" } });

      const { properties, content } = await rabbit.take(queue);

      expect(properties).toMatchObject({
        deliveryMode: 2,
        contentType: "application/json",
        messageId: "command-1",
        type: "ChargePayment",
        correlationId: "correlation-1",
        timestamp: Date.parse(command(1).timestamp) / 1_000,
        headers: { "x-test": "1" },
      });
      expect(JSON.parse(content.toString())).toEqual(command(1));
    });

    it("is stored although its queue was deleted a moment ago", async () => {
      const adapter = await adapterAt(url);
      await adapter.publish(queue, command(1));
      await rabbit.delete(queue);

      await Promise.all([2, 3].map((n) => adapter.publish(queue, command(n))));

      const found = [await rabbit.take(queue), await rabbit.take(queue)];
      expect(found.map(({ properties }) => properties.messageId as string).sort()).toEqual([
        "command-2",
        "command-3",
      ]);
    });

    it("that AMQP cannot carry is refused, and spoils no other's confirmation", async () => {
      const adapter = await adapterAt(url);
      const bad = { headers: { ["x".repeat(300)]: "1" } };

      const results = await Promise.allSettled([
        adapter.publish(queue, command(1)),
        adapter.publish(queue, command(2), bad),
        adapter.publish(queue, command(3)),
      ]);

      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ retryable: false });
    });

    it("names what differs when its queue exists with other settings", async () => {
      await rabbit.declare(queue, "classic");
      const adapter = await adapterAt(url);
      const other = rabbit.queue();

      const publish = adapter.publish(queue, command(1));

      await expect(publish).rejects.toThrow(`the queue "${queue}" exists with another x-queue-type`);
      await expect(adapter.publish(other, command(2))).resolves.toBeUndefined();
    });
  });

  describe("while RabbitMQ is away", () => {
    it("connecting ends, one line says so without the password, and publishing fails at once", async () => {
      const proxy = await proxied();
      proxy.cut();
      const adapter = await adapterAt(through(url, proxy.port).replace(/\/\/.*@/, "//guest:s3cret@"));

      await expect(adapter.publish(queue, command(1))).rejects.toThrow(ChannelUnavailableError);

      expect(adapter.isUp()).toBe(false);
      await waitFor(() => lines.some((line) => line.startsWith("warn")));
      expect(lines.filter((line) => line.includes("COMMANDS_URL"))).toHaveLength(1);
      expect(lines.join()).not.toContain("s3cret");
    });

    it("a channel joins as soon as it is there", async () => {
      const proxy = await proxied();
      proxy.cut();
      const adapter = await adapterAt(through(url, proxy.port));
      const seen: unknown[] = [];
      await adapter.subscribe(channel((payload) => Promise.resolve(seen.push(payload))));

      proxy.heal();

      await waitFor(() => adapter.isUp());
      await adapter.publish(queue, command(1));
      await waitFor(() => seen.length === 1);
    });

    it("wrong credentials are told in one line", async () => {
      await adapterAt(url.replace(/\/\/.*@/, "//guest:wrong@"));

      expect(lines.filter((line) => line.startsWith("error"))).toEqual([
        expect.stringMatching(
          /COMMANDS_URL: no connection to RabbitMQ at amqp:\/\/[^@]*: it refuses this user/,
        ),
      ]);
    });

    it("publishes in flight fail, and a server that hangs doesn't hold up the end", async () => {
      const proxy = await proxied();
      const adapter = await adapterAt(through(url, proxy.port));
      await adapter.subscribe(channel(() => Promise.resolve()));
      await adapter.publish(queue, command(1));
      proxy.freeze();
      const hanging = [2, 3].map((n) => adapter.publish(queue, command(n)));

      const results = Promise.allSettled(hanging);
      await adapter.disconnect();

      for (const result of await results) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "CHANNEL_UNAVAILABLE" } });
      }
    });
  });

  it("loses nothing that was confirmed when its connections are cut again and again", async () => {
    const proxy = await proxied();
    const adapter = await adapterAt(through(url, proxy.port));
    const done = new Set<string>();
    const handler: BatchHandler<CommandEnvelope> = (commands) => {
      commands.forEach(({ commandId }) => done.add(commandId));
      return Promise.resolve();
    };
    await adapter.subscribe(channel(handler, { batch: 20 }));
    const confirmed = new Set<string>();

    let n = 0;
    for (let round = 0; round < 8; round++) {
      await waitFor(() => adapter.isUp());
      const publishes = Array.from({ length: 300 }, async () => {
        const message = command(++n);
        await adapter.publish(queue, message).then(
          () => confirmed.add(message.commandId),
          () => undefined,
        );
      });
      await Promise.race(publishes);
      proxy.reset();
      await Promise.all(publishes);
    }

    await waitFor(() => [...confirmed].every((id) => done.has(id)), { timeout: 10_000 });
    expect(confirmed.size).toBeGreaterThan(0);
    await waitFor(async () => (await adapter.lag()).every(({ lag }) => lag === 0));
  });

  it("consumes again after its queue was deleted", async () => {
    const adapter = await adapterAt(url);
    const seen: unknown[] = [];
    await adapter.subscribe(channel((payload) => Promise.resolve(seen.push(payload))));

    await rabbit.delete(queue);

    await adapter.publish(queue, command(1));
    await waitFor(() => seen.length === 1);
  });

  describe("a failed command", () => {
    it("comes again as it was, after its delay", async () => {
      const adapter = await adapterAt(url);
      const seen: { at: number; delivery: Delivery }[] = [];
      const handler = (_: never, delivery: Delivery) => {
        seen.push({ at: Date.now(), delivery });
        return seen.length < 3 ? Promise.reject(new Error("not yet")) : Promise.resolve();
      };
      await adapter.subscribe(channel(handler));

      await adapter.publish(queue, command(1), { key: "other-key", headers: { "x-test": "1" } });

      await waitFor(() => seen.length === 3);
      const same = { channel: queue, group: "payments", key: "other-key", headers: { "x-test": "1" } };
      expect(seen.map(({ delivery }) => delivery)).toEqual(
        [1, 2, 3].map((attempt) => ({ ...same, attempt })),
      );
      expect(seen[1].at - seen[0].at).toBeGreaterThanOrEqual(50);
      expect(seen[2].at - seen[1].at).toBeGreaterThanOrEqual(100);
    });

    it("waits in a durable queue that outlives the hub, with all its properties", async () => {
      const adapter = await adapterAt(url);
      const retry = { delays: [150], maxAttempts: 2, jitter: 0 };
      const chan = channel(() => Promise.reject(new Error("not yet")), { retry });
      await adapter.subscribe(chan);
      await adapter.publish(queue, command(1), { headers: { "x-test": "1" } });
      await waitFor(() => lines.some((line) => line.includes("attempt 1 failed")));
      await adapter.unsubscribe(chan);

      const { properties } = await rabbit.take(queue);

      expect(properties).toMatchObject({
        deliveryMode: 2,
        messageId: "command-1",
        correlationId: "correlation-1",
        type: "ChargePayment",
        headers: { "x-test": "1", "x-hub-attempt": "2" },
      });
    });

    it("waits here, uncounted, while the store is away", async () => {
      const adapter = await adapterAt(url);
      const attempts: number[] = [];
      const handler = (_: never, { attempt }: Delivery) => {
        attempts.push(attempt);
        return attempts.length < 4 ? Promise.reject(new StoreUnavailableError()) : Promise.resolve();
      };
      await adapter.subscribe(channel(handler));

      await adapter.publish(queue, command(1));

      await waitFor(() => attempts.length === 4);
      expect(attempts).toEqual([1, 1, 1, 1]);
    });

    it("ends as a persistent dead letter with its headers", async () => {
      const adapter = await adapterAt(url);
      await adapter.subscribe(channel(() => Promise.reject(new PermanentError("NO_SUCH_PLAN", "no"))));

      await adapter.publish(queue, command(1), { headers: { "x-test": "1" } });

      const letter = await deadLetter();
      expect(letter.message.properties).toMatchObject({
        deliveryMode: 2,
        correlationId: "correlation-1",
        headers: { "x-test": "1" },
      });
      expect(letter).toMatchObject({
        reason: "NO_SUCH_PLAN",
        service: "payments",
        messageId: "command-1",
        attempts: 1,
        payload: command(1),
      });
    });

    it("is a dead letter all the same when its headers cannot be sent once more", async () => {
      const adapter = await adapterAt(url);
      await adapter.subscribe(channel(() => Promise.reject(new TransientError("BUSY", "busy"))));

      await rabbit.send(queue, Buffer.from(JSON.stringify(command(1))), { "x-long": "x".repeat(65_510) });

      expect(await deadLetter()).toMatchObject({
        reason: "ATTEMPTS_EXHAUSTED",
        payload: command(1),
        attempts: 1,
      });
    });

    it.each([
      ["no JSON", Buffer.from("{nö"), "{nö"],
      ["not even text", Buffer.from([0xff, 0xfe, 0x00]), "//4A"],
    ])("that is %s is a dead letter at once", async (_, content, payload) => {
      const adapter = await adapterAt(url);
      await adapter.subscribe(channel(() => Promise.resolve()));

      await rabbit.send(queue, content);

      expect(await deadLetter()).toMatchObject({ reason: "NOT_JSON", payload });
    });
  });

  it("acknowledges each message by itself while an earlier one is under way", async () => {
    const adapter = await adapterAt(url);
    let finish!: () => void;
    const slow = new Promise<void>((resolve) => (finish = resolve));
    let seen = 0;
    const handler: BatchHandler<CommandEnvelope> = (commands) =>
      Promise.resolve(
        commands.map(({ commandId }) => (seen++, commandId === "command-1" ? slow : undefined)),
      );
    await adapter.subscribe(channel(handler, { batch: 10, maxInFlight: 10 }));

    for (let n = 1; n <= 40; n++) await adapter.publish(queue, command(n));

    await waitFor(() => seen === 40);
    await waitFor(async () => (await adapter.lag())[0].lag === 1);
    finish();
    await waitFor(async () => (await adapter.lag())[0].lag === 0);
  });

  it("hands back on leaving what it has not finished in time", async () => {
    const adapter = await adapterAt(url);
    let started = false;
    const never = new Promise<void>(() => undefined);
    await adapter.subscribe(channel(() => ((started = true), never)));
    await adapter.publish(queue, command(1));
    await waitFor(() => started);

    await adapter.drain(100);

    expect((await rabbit.take(queue)).properties.messageId).toBe("command-1");
  });
});

function command(n: number): CommandEnvelope {
  return {
    commandId: `command-${n}`,
    commandType: "ChargePayment",
    timestamp: "2026-01-01T00:00:00.000Z",
    version: "1.0",
    source: "orders",
    correlationId: `correlation-${n}`,
    causationId: `cause-${n}`,
    key: `order-${n}`,
    sequence: 1,
    data: { orderId: `order-${n}` },
  };
}
