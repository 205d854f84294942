import { join } from "node:path";
import { Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import { KafkaAdapter } from "../../../channels/kafka";
import { DEAD_LETTERS } from "../../../channels/types";
import type { DeadLetter } from "../../../contracts/dead-letter";
import { newId } from "../../../contracts/ids";
import { scriptedServer } from "../../support/servers";
import type { ChannelKit } from "./kit";

export const brokersOf = (url: string): string[] => url.replace(/^kafka:\/\//, "").split(",");

/** Kafka, with a producer and a reader of its own that know nothing of our adapter. */
export async function kafkaKit(url: string): Promise<ChannelKit> {
  const brokers = brokersOf(url);
  const kafka = new Kafka({ clientId: "suite", brokers, logLevel: logLevel.NOTHING });
  const letters: DeadLetter[] = [];
  let producer: Producer | null = null;
  const reader = kafka.consumer({ groupId: `suite-${newId()}`, maxWaitTimeInMs: 100 });
  let reading: Promise<void> | null = null;

  async function read(): Promise<void> {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: DEAD_LETTERS, numPartitions: 6 }], waitForLeaders: true });
    await admin.disconnect();
    await reader.connect();
    await reader.subscribe({ topics: [DEAD_LETTERS], fromBeginning: true });
    await reader.run({
      eachMessage: async ({ message }) => {
        letters.push(JSON.parse(String(message.value)) as DeadLetter);
      },
    });
  }

  return {
    name: "kafka events",
    kind: "event",
    adapter: () => new KafkaAdapter({ brokers, clientId: "suite", partitions: 3 }),
    channel: () => `suite.${newId()}`,
    async publishRaw(channel, bytes) {
      if (!producer) {
        producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
        await producer.connect();
      }
      await producer.send({ topic: channel, messages: [{ value: bytes }] });
    },
    async readDeadLetters(channel) {
      await (reading ??= read());
      return letters.filter((letter) => letter.channel === channel);
    },
    handOver: () =>
      Promise.resolve({ module: join(__dirname, "kafka-event.child.ts"), argument: brokers.join(",") }),
    blocksPartition: true,
    deadline: 30_000,
    server: scriptedServerOf(url),
    async close() {
      await producer?.disconnect();
      if (reading) await reader.disconnect();
    },
  };
}

/** A network that is cut looks to the one broker of the tests as one that is paused. */
function scriptedServerOf(url: string): ChannelKit["server"] {
  const server = scriptedServer("kafka", url);
  return server ? { ...server, cut: server.pause, heal: server.resume } : undefined;
}
