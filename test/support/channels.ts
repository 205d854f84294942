import { connect } from "amqplib";
import { Kafka, logLevel, type Admin } from "kafkajs";
import { DEAD_LETTERS, DEFAULT_RETRY } from "../../channels/types";
import { COMMANDS } from "../../contracts/commands";
import { ALL_TOPICS } from "../../contracts/events";
import { waitFor } from "./wait";

/** Takes out of the servers' queues and topics what earlier runs left there; no hub may be up meanwhile. */
export async function emptyChannels({
  commandsUrl,
  eventsUrl,
}: {
  commandsUrl?: string;
  eventsUrl?: string;
}): Promise<void> {
  await Promise.all([commandsUrl && emptyQueues(commandsUrl), eventsUrl && emptyTopics(eventsUrl)]);
}

/** Purged, not deleted: RabbitMQ 3.10 may lose a quorum queue that was deleted and declared again. */
async function emptyQueues(url: string): Promise<void> {
  const connection = await connect(url, { noDelay: true });
  const queues = Object.keys(COMMANDS).flatMap((name) => [
    name,
    ...DEFAULT_RETRY.delays.map((delay) => `${name}.retry.${delay}`),
  ]);
  try {
    for (const queue of [...queues, DEAD_LETTERS]) {
      const channel = await connection.createChannel();
      // A queue that is not there closes the channel.
      channel.on("error", () => undefined);
      await channel.purgeQueue(queue).then(
        () => channel.close(),
        () => undefined,
      );
    }
  } finally {
    await connection.close();
  }
}

async function emptyTopics(url: string): Promise<void> {
  const brokers = url.replace(/^kafka:\/\//, "").split(",");
  const admin = new Kafka({ brokers, clientId: "hub-test", logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    // A hub that was killed is a member of its groups until its session ends.
    await waitFor(() => deleteGroups(admin), { timeout: 45_000 });
    const known = new Set(await admin.listTopics());
    for (const topic of [...ALL_TOPICS, DEAD_LETTERS].filter((name) => known.has(name))) {
      const partitions = (await admin.fetchTopicOffsets(topic)).filter(({ low, high }) => low !== high);
      if (partitions.length === 0) continue;
      await admin.deleteTopicRecords({
        topic,
        partitions: partitions.map(({ partition, high }) => ({ partition, offset: high })),
      });
    }
  } finally {
    await admin.disconnect();
  }
}

/** False while one of them still has a member. */
async function deleteGroups(admin: Admin): Promise<boolean> {
  const { groups } = await admin.listGroups();
  if (groups.length === 0) return true;
  return admin.deleteGroups(groups.map(({ groupId }) => groupId)).then(
    () => true,
    () => false,
  );
}
