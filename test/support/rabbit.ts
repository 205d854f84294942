import { randomUUID } from "node:crypto";
import { connect, type Channel, type ChannelModel, type GetMessage } from "amqplib";
import { waitFor } from "./wait";

/** A plain client beside the hub, to look at the server with; it deletes its queues in the end. */
export class Rabbit {
  private readonly names = new Set<string>();

  static async at(url: string): Promise<Rabbit> {
    const connection = await connect(url, { noDelay: true });
    return new Rabbit(connection, await connection.createChannel());
  }

  private constructor(
    private readonly connection: ChannelModel,
    readonly channel: Channel,
  ) {}

  /** A queue's name that nobody else has. */
  queue(): string {
    const name = `test.${randomUUID()}`;
    this.names.add(name);
    return name;
  }

  /** Takes the first message that `accept` likes, within 5 s; the others stay, and so does a missing queue. */
  take(queue: string, accept: (message: GetMessage) => boolean = () => true): Promise<GetMessage> {
    return waitFor(() => this.look(queue, accept));
  }

  private async look(queue: string, accept: (message: GetMessage) => boolean): Promise<GetMessage | null> {
    // A channel of its own: it dies when the queue is missing, and what it leaves goes back.
    const channel = await this.connection.createChannel();
    channel.on("error", () => undefined);
    try {
      let message = await channel.get(queue);
      while (message && !accept(message)) message = await channel.get(queue);
      if (message) channel.ack(message);
      await channel.close();
      return message || null;
    } catch (error) {
      if ((error as { code?: number }).code === 404) return null;
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const name of this.names) {
      await this.channel.deleteQueue(name);
      for (const delay of [0, 50, 100, 150, 200]) await this.channel.deleteQueue(`${name}.retry.${delay}`);
    }
    await this.connection.close();
  }
}

/** The same server by way of another port. */
export function through(url: string, port: number): string {
  const address = new URL(url);
  address.hostname = "127.0.0.1";
  address.port = String(port);
  return address.href;
}
