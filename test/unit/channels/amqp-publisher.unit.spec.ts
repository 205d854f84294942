import { EventEmitter } from "node:events";
import type { ConfirmChannel } from "amqplib";
import { Publisher } from "../../../channels/amqp/publisher";
import { workQueue, type Topology } from "../../../channels/amqp/topology";

test("given messages that the socket does not take yet, when RabbitMQ raises an alarm, then they fail at once", async () => {
  const channel = Object.assign(new EventEmitter(), { publish: jest.fn(() => false) });
  const topology = { has: () => true } as unknown as Topology;
  const publisher = new Publisher(channel as unknown as ConfirmChannel, topology);
  const message = { content: Buffer.from("{}"), properties: { messageId: "m" } };
  const [sent, waiting] = [1, 2].map(() => publisher.publish(workQueue("payments.charge", true), message));
  publisher.setBlocked(true);
  await expect(waiting).rejects.toThrow("raised an alarm");
  expect(channel.publish).toHaveBeenCalledTimes(1);
  publisher.lose(new Error("closed"));
  await expect(sent).rejects.toThrow("closed");
});
