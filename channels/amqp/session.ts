import type { Socket } from "node:net";
import { connect, type ChannelModel, type ConfirmChannel } from "amqplib";
import { settledWithin, within } from "../timing";
import { Publisher } from "./publisher";
import { Topology } from "./topology";

/** For the socket, the handshake, and the opening of a channel. */
const OPEN_TIMEOUT = 5_000;
const CLOSE_TIMEOUT = 1_000;
const HEARTBEAT_SECONDS = "10";

/** One connection and what lives and dies with it. It is either whole or lost; there is no repair. */
export class Session {
  readonly topology: Topology;
  readonly publisher: Publisher;
  private lost = false;
  private onLost: (error: Error) => void = () => undefined;

  /** @throws when the server is away or refuses. */
  static async open(url: string, name: string): Promise<Session> {
    const address = new URL(url);
    if (!address.searchParams.has("heartbeat")) address.searchParams.set("heartbeat", HEARTBEAT_SECONDS);
    const connection = await connect(address.href, {
      // Without it Nagle's algorithm adds 20 to 40 ms to each round trip.
      noDelay: true,
      timeout: OPEN_TIMEOUT,
      clientProperties: { connection_name: name },
    });
    // What went wrong comes with `close`; without a listener the event would end the process.
    connection.on("error", () => undefined);
    try {
      const opened = connection.createConfirmChannel();
      return new Session(connection, await within(opened, OPEN_TIMEOUT, "RabbitMQ, opening a channel"));
    } catch (error) {
      destroy(connection);
      throw error;
    }
  }

  private constructor(
    readonly connection: ChannelModel,
    publishing: ConfirmChannel,
  ) {
    this.topology = new Topology(connection);
    this.publisher = new Publisher(publishing, this.topology);
    let reason = new Error("the connection was closed");
    connection.on("error", (error: Error) => (reason = error));
    connection.on("close", (error?: Error) => this.lose(error ?? reason));
    connection.on("blocked", () => this.publisher.setBlocked(true));
    connection.on("unblocked", () => this.publisher.setBlocked(false));
    publishing.on("error", (error: Error) => (reason = error));
    publishing.on("close", () => this.lose(reason));
  }

  isOpen(): boolean {
    return !this.lost;
  }

  /** Calls back once, when the connection or its publishing channel is gone. */
  whenLost(callback: (error: Error) => void): void {
    this.onLost = callback;
  }

  /** Says goodbye, for as long as the server listens; ends in any case. */
  async close(): Promise<void> {
    if (this.lost) return;
    await settledWithin(this.publisher.flushed(), CLOSE_TIMEOUT);
    this.onLost = () => undefined;
    // The server may have gone in the meantime: then this throws, at once.
    await settledWithin(
      Promise.resolve().then(() => this.connection.close()),
      CLOSE_TIMEOUT,
    );
    this.lose(new Error("the hub has disconnected"));
  }

  private lose(error: Error): void {
    if (this.lost) return;
    this.lost = true;
    this.publisher.lose(error);
    destroy(this.connection);
    this.onLost(error);
  }
}

/** A server that hangs never closes its end, and an open socket or a timer keeps the process alive. */
function destroy({ connection }: ChannelModel): void {
  const { stream, heartbeater } = connection as unknown as Internals;
  heartbeater?.clear();
  // With an error amqplib hears of it and closes the channels.
  stream.destroy(new Error("the hub has given up this connection"));
}

/** What amqplib doesn't offer otherwise. */
interface Internals {
  stream: Socket;
  heartbeater: { clear(): void } | null;
}
