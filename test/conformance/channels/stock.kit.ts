import { join } from "node:path";
import { Adapters } from "@moleculer/channels";
import { connect } from "amqplib";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { HEADERS, type BatchHandler, type Delivery, type HubChannel } from "../../../channels/types";
import type { DeadLetter } from "../../../contracts/dead-letter";
import { newId } from "../../../contracts/ids";
import { TcpProxy } from "../../support/proxy";
import { through } from "../../support/rabbit";
import { scriptedServer } from "../../support/servers";
import { brokersOf } from "./kafka.kit";
import type { ChannelAdapter, ChannelKit } from "./kit";

/**
 * The adapters that come with `@moleculer/channels`, set as safely as their options allow (durable, persistent,
 * dead letters on, topics made beforehand), so that the suite can be run over them. What the hub has beyond
 * their interface is mapped where they have something like it, and missing where they don't.
 */
type StockChannel = Parameters<ChannelAdapter["subscribe"]>[0];
type StockPublish = (channel: string, payload: unknown, options?: { headers?: Headers }) => Promise<void>;
type Headers = Record<string, string>;

/** The headers of stock adapters, as their `constants.js` names them. */
const REDELIVERED = "x-redelivered-count";
const ONLY_GROUP = "x-group";
const ORIGINAL_CHANNEL = "x-original-channel";

/** An AMQP message or a Kafka record. */
interface Raw {
  properties?: { headers?: Record<string, unknown> };
  headers?: Record<string, unknown>;
  key?: Buffer | null;
}

/** Gives a hub's handler to a stock adapter: one message a call, attempts from its own header. */
function adapt(declared: StockChannel, deadLetters: Record<string, unknown>): StockChannel {
  const chan = declared as unknown as HubChannel & Record<string, unknown>;
  const { handler, batch, retry, name, group } = chan;
  chan.maxRetries = retry?.maxAttempts ?? 6;
  chan.maxInFlight ??= 128;
  chan.deadLettering = { enabled: true, ...deadLetters };
  chan.handler = async (payload, raw) => {
    const { properties, headers, key } = raw as Raw;
    const entries = Object.entries(properties?.headers ?? headers ?? {}).map(([k, v]) => [k, String(v)]);
    const { [REDELIVERED]: redelivered, ...own } = Object.fromEntries(entries) as Headers;
    const delivery: Delivery = {
      channel: name,
      group,
      key: key?.toString() ?? (payload as { key?: string } | null)?.key ?? null,
      headers: own,
      attempt: 1 + Number(redelivered ?? 0),
    };
    if (!batch) return handler(payload, delivery);
    const [outcome] = (await (handler as unknown as BatchHandler)([payload], [delivery])) ?? [];
    const error = await outcome;
    if (error) throw error;
    return undefined;
  };
  return declared;
}

/** Our header of a redriven message, as theirs. */
function withGroup<T extends { headers?: Headers }>(options: T | undefined): T | undefined {
  const group = options?.headers?.[HEADERS.onlyGroup];
  return group ? ({ ...options, headers: { ...options.headers, [ONLY_GROUP]: group } } as T) : options;
}

/** What a stock dead letter tells: the message, and where it came from. The rest is not known. */
function letterOf(content: string, headers: Headers): DeadLetter {
  const { [ORIGINAL_CHANNEL]: channel, ...rest } = headers;
  let payload: unknown = content;
  try {
    payload = JSON.parse(content);
  } catch {
    // Not JSON: it stays text.
  }
  return { channel, payload, headers: rest, service: rest["x-original-group"] } as DeadLetter;
}

const textHeaders = (headers: Record<string, unknown> = {}): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

/** The stock AMQP adapter for `url`; its dead letters go to the queue `deadLetters`. */
export function stockAmqp(url: string, deadLetters = `stock.dead.${newId()}`): ChannelAdapter {
  const adapter = new Adapters.AMQP({
    prefix: "",
    amqp: {
      url,
      queueOptions: { durable: true },
      exchangeOptions: { durable: true },
      messageOptions: { persistent: true },
      publishAssertExchange: { enabled: true, exchangeOptions: { durable: true } },
    },
  } as never) as unknown as ChannelAdapter & { channel: { prefetch(count: number): unknown } };
  const subscribe = adapter.subscribe.bind(adapter);
  adapter.subscribe = async (chan, service) => {
    const adapted = adapt(chan, { queueName: deadLetters, exchangeName: `${deadLetters}.exchange` });
    await adapter.channel.prefetch((adapted as unknown as HubChannel).maxInFlight);
    return subscribe(adapted, service);
  };
  return adapter;
}

/** RabbitMQ by way of a proxy, under the stock adapter. */
export async function stockAmqpKit(url: string): Promise<ChannelKit> {
  const { hostname, port } = new URL(url);
  const proxy = await TcpProxy.to(hostname, Number(port) || 5672);
  const server = scriptedServer("rabbit", url);
  const deadLetters = `stock.dead.${newId()}`;
  const letters: DeadLetter[] = [];
  return {
    name: "stock amqp",
    kind: "command",
    adapter: () => stockAmqp(through(url, proxy.port), deadLetters),
    channel: () => `stock.${newId()}`,
    async publishRaw(channel, bytes) {
      const connection = await connect(url);
      const own = await connection.createConfirmChannel();
      own.publish(channel, "", Buffer.from(bytes), { persistent: true });
      await own.waitForConfirms();
      await connection.close();
    },
    async readDeadLetters(channel) {
      const connection = await connect(url);
      const own = await connection.createChannel();
      await own.assertQueue(deadLetters, { durable: true });
      for (let message; (message = await own.get(deadLetters, { noAck: true }));) {
        letters.push(letterOf(message.content.toString(), textHeaders(message.properties.headers)));
      }
      await connection.close();
      return letters.filter((letter) => letter.channel === channel);
    },
    handOver: () => Promise.resolve({ module: join(__dirname, "stock-amqp.child.ts"), argument: url }),
    server: server ? { ...server, cut: async () => proxy.cut(), heal: async () => proxy.heal() } : undefined,
    deadline: 20_000,
    close: () => proxy.close(),
  };
}

/** The stock Kafka adapter for `brokers`; every topic is made before it is used. */
export function stockKafka(brokers: string[], deadLetters = `stock.dead.${newId()}`): ChannelAdapter {
  const kafka = new Kafka({ clientId: "stock-topics", brokers, logLevel: logLevel.NOTHING });
  const made = new Map<string, Promise<void>>();
  const make = (topic: string) => {
    if (!made.has(topic)) made.set(topic, makeTopic(kafka, topic));
    return made.get(topic);
  };
  const adapter = new Adapters.Kafka({
    prefix: "",
    kafka: {
      brokers,
      logLevel: logLevel.NOTHING,
      producerOptions: { createPartitioner: Partitioners.DefaultPartitioner },
      // Only so that the checks don't wait for kafkajs' five seconds.
      consumerOptions: { maxWaitTimeInMs: 100, fromBeginning: true },
    },
  } as never) as unknown as ChannelAdapter;
  const subscribe = adapter.subscribe.bind(adapter);
  adapter.subscribe = async (chan, service) => {
    await Promise.all([make(chan.name), make(deadLetters)]);
    (chan as unknown as { kafka: unknown }).kafka = { fromBeginning: true };
    return subscribe(adapt(chan, { queueName: deadLetters }), service);
  };
  const stock = adapter as unknown as { publish: StockPublish };
  const publish = stock.publish.bind(adapter);
  stock.publish = async (channel, payload, options) => {
    await make(channel);
    return publish(channel, payload, withGroup(options));
  };
  return adapter;
}

async function makeTopic(kafka: Kafka, topic: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
  await admin.disconnect();
}

/** Kafka, under the stock adapter. */
export async function stockKafkaKit(url: string): Promise<ChannelKit> {
  const brokers = brokersOf(url);
  const kafka = new Kafka({ clientId: "stock-suite", brokers, logLevel: logLevel.NOTHING });
  const server = scriptedServer("kafka", url);
  const deadLetters = `stock.dead.${newId()}`;
  const letters: DeadLetter[] = [];
  await makeTopic(kafka, deadLetters);
  const reader = kafka.consumer({ groupId: `suite-${newId()}`, maxWaitTimeInMs: 100 });
  await reader.connect();
  await reader.subscribe({ topics: [deadLetters], fromBeginning: true });
  await reader.run({
    eachMessage: async ({ message }) => {
      letters.push(letterOf(String(message.value), textHeaders(message.headers)));
    },
  });
  return {
    name: "stock kafka",
    kind: "event",
    adapter: () => stockKafka(brokers, deadLetters),
    channel: () => `stock.${newId()}`,
    async publishRaw(channel, bytes) {
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      await producer.send({ topic: channel, messages: [{ value: bytes }] });
      await producer.disconnect();
    },
    readDeadLetters: (channel) => Promise.resolve(letters.filter((letter) => letter.channel === channel)),
    handOver: () =>
      Promise.resolve({ module: join(__dirname, "stock-kafka.child.ts"), argument: brokers.join(",") }),
    blocksPartition: true,
    // kafkajs finds out after thirty seconds that a member of a group has died.
    deadline: 45_000,
    server: server ? { ...server, cut: server.pause, heal: server.resume } : undefined,
    close: () => reader.disconnect(),
  };
}
