import { randomUUID } from "node:crypto";
import { connect, type Channel, type GetMessage } from "amqplib";
import type { DeadLetter } from "../../contracts/dead-letter";
import { waitFor } from "./wait";

/** A plain client beside the hub, to look at the server with; it deletes its queues in the end. */
export class Rabbit {
  private readonly names = new Set<string>();

  constructor(private readonly url: string) {}

  /** A queue's name that nobody else has. */
  queue(): string {
    const name = `test.${randomUUID()}`;
    this.names.add(name);
    return name;
  }

  /** Sends to a queue as a foreign producer would. */
  send(queue: string, content: Buffer, headers: Record<string, string> = {}): Promise<void> {
    const options = { persistent: true, headers };
    return this.use((channel) => void channel.sendToQueue(queue, content, options));
  }

  async declare(queue: string, type: "quorum" | "classic"): Promise<void> {
    const options = { durable: true, arguments: { "x-queue-type": type } };
    await this.use((channel) => channel.assertQueue(queue, options));
  }

  async delete(queue: string): Promise<void> {
    await this.use((channel) => channel.deleteQueue(queue));
  }

  /** Takes the next message, within 5 s. */
  take(queue: string): Promise<GetMessage> {
    return waitFor(async () => (await this.takeAll(queue, () => true, 1))[0]);
  }

  /** Takes the dead letters of this client's queues; the others stay. */
  async takeDeadLetters(from: string): Promise<(DeadLetter & { message: GetMessage })[]> {
    const read = (message: GetMessage) => JSON.parse(message.content.toString()) as DeadLetter;
    const found = await this.takeAll(from, (message) => this.names.has(read(message).channel));
    return found.map((message) => ({ ...read(message), message }));
  }

  async close(): Promise<void> {
    for (const name of this.names) {
      await this.delete(name);
      for (const delay of [50, 100, 150]) await this.delete(`${name}.retry.${delay}`);
    }
  }

  private async takeAll(queue: string, accept: (message: GetMessage) => boolean, most = Infinity) {
    const taken: GetMessage[] = [];
    await this.use(async (channel) => {
      for (;;) {
        const message = taken.length < most && (await channel.get(queue));
        if (!message) return;
        if (!accept(message)) continue;
        channel.ack(message);
        taken.push(message);
      }
    });
    return taken;
  }

  /** Each use has a connection of its own: servers come and go in tests, and what was not taken goes back. */
  private async use(run: (channel: Channel) => unknown): Promise<void> {
    const connection = await connect(this.url, { noDelay: true });
    try {
      const channel = await connection.createChannel();
      channel.on("error", () => undefined);
      await run(channel);
      await channel.close();
    } catch (error) {
      // What was asked when the channel closes gets its close frame, not an error.
      const { code, fields } = error as { code?: number; fields?: { replyCode?: number } };
      if ((code ?? fields?.replyCode) !== 404) throw error;
    } finally {
      await connection.close();
    }
  }
}

/** The same server by way of another port. */
export function through(url: string, port: number): string {
  const address = new URL(url);
  address.hostname = "127.0.0.1";
  address.port = String(port);
  return address.href;
}
