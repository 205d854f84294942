import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import { AmqpAdapter } from "../../channels/amqp";
import type { Rig } from "../lib/rig";
import { rigOf, type Bench } from "./adapter";

const URL = process.env.COMMANDS_URL ?? "";

/** The hub's adapter for commands on RabbitMQ. */
export function make(): Bench {
  const channel = `bench.ours.${randomUUID()}`;
  return {
    adapter: new AmqpAdapter({ url: URL }),
    channel,
    async remove() {
      const connection = await connect(URL);
      const plain = await connection.createChannel();
      for (const queue of [channel, `${channel}.retry.1000`]) await plain.deleteQueue(queue);
      await connection.close();
    },
  };
}

export const open = (): Promise<Rig> => rigOf(make());
