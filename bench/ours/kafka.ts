import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { KafkaAdapter } from "../../channels/kafka";
import type { Rig } from "../lib/rig";
import { rigOf, type Bench } from "./adapter";

/** The hub's adapter for events on Kafka. */
export function make(): Bench {
  const channel = `bench.ours.${randomUUID()}`;
  const brokers = (process.env.EVENTS_URL ?? "").replace("kafka://", "").split(",");
  return {
    adapter: new KafkaAdapter({ brokers, clientId: "bench", topics: [channel] }),
    channel,
    async remove() {
      const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [channel] });
      await admin.disconnect();
    },
  };
}

export const open = (): Promise<Rig> => rigOf(make());
