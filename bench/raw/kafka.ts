import { randomUUID } from "node:crypto";
import { CompressionTypes, Kafka, logLevel, Partitioners, type IHeaders } from "kafkajs";
import type { Rig } from "../lib/rig";

export const open = (): Promise<Rig> => openWith(() => undefined);

/**
 * kafkajs by hand: `sendBatch` of an idempotent producer with acks of all, `eachBatch` with its own commits.
 * `headersOf`: the headers of a message's record, if any.
 */
export async function openWith(headersOf: (message: object) => IHeaders | undefined): Promise<Rig> {
  const topic = `bench.raw.${randomUUID()}`;
  const brokers = (process.env.EVENTS_URL ?? "").replace("kafka://", "").split(",");
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 6 }], waitForLeaders: true });
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 250 });
  return {
    async publish(messages) {
      const records = messages.map((message) => ({
        key: (message as { key: string }).key,
        value: JSON.stringify(message),
        headers: headersOf(message),
      }));
      await producer.sendBatch({
        acks: -1,
        compression: CompressionTypes.None,
        topicMessages: [{ topic, messages: records }],
      });
    },
    async consume(got) {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachBatch: async ({ batch }) => {
          for (const { value } of batch.messages) JSON.parse(value?.toString() ?? "null");
          got(batch.messages.length);
        },
      });
    },
    async close() {
      await consumer.disconnect();
      await producer.disconnect();
      await admin.deleteTopics({ topics: [topic] });
      await admin.disconnect();
    },
  };
}
