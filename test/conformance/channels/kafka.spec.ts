import { Kafka, logLevel, Partitioners, type Message } from "kafkajs";
import { ServiceBroker } from "moleculer";
import { KafkaAdapter } from "../../../channels/kafka";
import { stickyPartitioner } from "../../../channels/kafka/publisher";
import type { Delivery } from "../../../channels/types";
import type { EventEnvelope } from "../../../contracts/envelope";
import { newId } from "../../../contracts/ids";
import { scriptedServer } from "../../support/servers";
import { waitFor } from "../../support/wait";
import { channelConformance } from "./channels.suite";
import { brokersOf, kafkaKit } from "./kafka.kit";

const url = process.env.EVENTS_URL ?? "";
const withServer = url ? describe : describe.skip;
const canFail = url !== "" && scriptedServer("kafka", url) !== null;

withServer("kafka events", () => channelConformance(() => kafkaKit(url), canFail));

withServer("the Kafka adapter", () => {
  const broker = new ServiceBroker({ logger: false });
  const kafka = new Kafka({ clientId: "test", brokers: brokersOf(url), logLevel: logLevel.NOTHING });
  let adapter: KafkaAdapter;
  let topic: string;
  let got: EventEnvelope[];

  const envelope = (key: string): EventEnvelope => ({
    eventId: newId(),
    eventType: "OrderPlaced",
    timestamp: new Date().toISOString(),
    version: "1.0",
    source: "orders",
    correlationId: "correlation-1",
    causationId: "cause-1",
    key,
    sequence: 1,
    data: { orderId: key },
  });

  beforeEach(async () => {
    topic = `test.${newId()}`;
    got = [];
    adapter = new KafkaAdapter({ brokers: brokersOf(url), clientId: "test", partitions: 2 });
    adapter.init(broker, broker.logger);
    await adapter.connect();
  });
  afterEach(() => adapter.disconnect());

  const subscribe = () =>
    adapter.subscribe({
      id: newId(),
      name: topic,
      group: `group-${newId()}`,
      batch: 10,
      maxInFlight: 10,
      unsubscribing: false,
      handler: (events: EventEnvelope[], _deliveries: Delivery[]) => {
        got.push(...events);
        return Promise.resolve();
      },
    } as unknown as Parameters<KafkaAdapter["subscribe"]>[0]);

  it("sets the record key and CloudEvents headers that a foreign reader understands", async () => {
    const event = envelope("order-1");
    await adapter.publish(topic, event, { key: "order-1" });
    const consumer = kafka.consumer({ groupId: newId(), maxWaitTimeInMs: 100 });
    const records: { key: string; headers: Record<string, string> }[] = [];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const headers = Object.fromEntries(
          Object.entries(message.headers ?? {}).map(([k, v]) => [k, String(v)]),
        );
        records.push({ key: String(message.key), headers });
      },
    });
    try {
      await waitFor(() => records.length === 1, { timeout: 15_000 });
    } finally {
      await consumer.disconnect();
    }
    expect(records[0].key).toBe("order-1");
    expect(records[0].headers).toMatchObject({
      ce_id: event.eventId,
      ce_type: "OrderPlaced",
      ce_source: "orders",
      ce_time: event.timestamp,
      ce_specversion: "1.0",
      ce_subject: "order-1",
    });
  });

  it("understands an event of a foreign producer by its CloudEvents headers", async () => {
    await adapter.publish(topic, envelope("first"), { key: "first" });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const headers = {
      ce_id: "foreign-1",
      ce_type: "ThingDone",
      ce_source: "elsewhere",
      ce_specversion: "1.0",
      ce_subject: "thing-7",
    };
    await producer.send({ topic, messages: [{ key: "thing-7", value: JSON.stringify({ n: 1 }), headers }] });
    await producer.disconnect();
    await subscribe();
    await waitFor(() => got.length === 2, { timeout: 15_000 });
    expect(got.find(({ eventId }) => eventId === "foreign-1")).toMatchObject({
      eventType: "ThingDone",
      source: "elsewhere",
      key: "thing-7",
      data: { n: 1 },
    });
  });

  it("publishes more than Kafka takes in one request", async () => {
    const events = Array.from({ length: 600 }, () => ({ ...envelope("one"), data: "x".repeat(3_000) }));
    await Promise.all(events.map((event) => adapter.publish(topic, event, { key: "one" })));
    await subscribe();
    await waitFor(() => got.length === 600, { timeout: 15_000 });
    expect(got.map(({ eventId }) => eventId)).toEqual(events.map(({ eventId }) => eventId));
  });

  it("refuses the one event that is too large for Kafka, and not those beside it", async () => {
    const tooLarge = { ...envelope("one"), data: "x".repeat(2_000_000) };
    const outcomes = await Promise.allSettled(
      [envelope("one"), tooLarge, envelope("one")].map((event) => adapter.publish(topic, event)),
    );
    expect(outcomes).toMatchObject([
      { status: "fulfilled" },
      { status: "rejected", reason: { code: "MESSAGE_TOO_LARGE", retryable: false } },
      { status: "fulfilled" },
    ]);
    expect(adapter.isUp()).toBe(true);
  });

  it("keeps a message without a key in its partition when it is sent again", () => {
    const choose = stickyPartitioner();
    const partitionMetadata = [0, 1, 2].map((partitionId) => ({ partitionId, leader: 1 })) as never[];
    const messages = Array.from({ length: 9 }, (): Message => ({ value: "{}" }));
    const partitions = () => messages.map((message) => choose({ topic, partitionMetadata, message }));
    const first = partitions();
    expect(partitions()).toEqual(first);
    expect(new Set(first).size).toBe(3);
  });

  it("makes a topic again that Kafka has lost, for its consumers and its publishers", async () => {
    await adapter.publish(topic, envelope("before"));
    await subscribe();
    await waitFor(() => got.length === 1, { timeout: 15_000 });
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    const publishing = async () => {
      try {
        await adapter.publish(topic, envelope("after"));
        return true;
      } catch {
        return false;
      }
    };
    await waitFor(publishing, { timeout: 30_000 });
    await waitFor(() => got.some(({ key }) => key === "after"), { timeout: 30_000 });
  }, 60_000);

  it("starts without Kafka, says so, and refuses to publish", async () => {
    const away = new KafkaAdapter({ brokers: ["127.0.0.1:1"], clientId: "test" });
    away.init(broker, broker.logger);
    await away.connect();
    expect(away.isUp()).toBe(false);
    await expect(away.publish(topic, envelope("x"))).rejects.toMatchObject({ code: "CHANNEL_UNAVAILABLE" });
    await away.disconnect();
  });
});
