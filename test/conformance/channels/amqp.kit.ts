import { join } from "node:path";
import { AmqpAdapter } from "../../../channels/amqp";
import { DEAD_LETTERS } from "../../../channels/types";
import type { DeadLetter } from "../../../contracts/dead-letter";
import { TcpProxy } from "../../support/proxy";
import { Rabbit, through } from "../../support/rabbit";
import { scriptedServer } from "../../support/servers";
import type { ChannelKit } from "./kit";

/** RabbitMQ by way of a proxy, so that the network can go away too. */
export async function amqpKit(url: string): Promise<ChannelKit> {
  const rabbit = new Rabbit(url);
  const { hostname, port } = new URL(url);
  const proxy = await TcpProxy.to(hostname, Number(port) || 5672);
  const proxied = through(url, proxy.port);
  const server = scriptedServer("rabbit", url);
  const letters: DeadLetter[] = [];
  return {
    name: "amqp commands",
    kind: "command",
    adapter: () => new AmqpAdapter({ url: proxied }),
    channel: () => rabbit.queue(),
    publishRaw: (channel, bytes) => rabbit.send(channel, Buffer.from(bytes)),
    async readDeadLetters(channel) {
      letters.push(...(await rabbit.takeDeadLetters(DEAD_LETTERS)));
      return letters.filter((letter) => letter.channel === channel);
    },
    handOver: () => Promise.resolve({ module: join(__dirname, "amqp-command.child.ts"), argument: url }),
    server: server
      ? {
          ...server,
          kill: () => settled().then(server.kill),
          cut: () => Promise.resolve(proxy.cut()),
          heal: () => Promise.resolve(proxy.heal()),
        }
      : undefined,
    async close() {
      await proxy.close();
      await rabbit.close();
    },
  };
}

/**
 * RabbitMQ 3.10 writes down half a second late that a quorum queue is its own: one that is younger at a
 * `kill -9` has no leader afterwards, whoever uses it, until an operator deletes it.
 */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_000));
