import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import type { Rig } from "../lib/rig";

/** amqplib by hand: a durable quorum queue, persistent messages, publisher confirms, an ack for each message. */
export async function open(): Promise<Rig> {
  const queue = `bench.raw.${randomUUID()}`;
  const connection = await connect(process.env.COMMANDS_URL ?? "", { noDelay: true });
  const publisher = await connection.createConfirmChannel();
  const consumer = await connection.createChannel();
  await publisher.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
  return {
    async publish(messages) {
      for (const message of messages)
        publisher.sendToQueue(queue, Buffer.from(JSON.stringify(message)), { persistent: true });
      await publisher.waitForConfirms();
    },
    async consume(got) {
      await consumer.prefetch(1_024);
      await consumer.consume(queue, (message) => {
        if (!message) return;
        JSON.parse(message.content.toString());
        got(1);
        consumer.ack(message);
      });
    },
    async close() {
      await publisher.deleteQueue(queue);
      await connection.close();
    },
  };
}
