import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * A TCP proxy on loopback that a test puts between a client and a server, to cut their connections.
 * Made with `TcpProxy.to(host, port)`.
 */
export class TcpProxy {
  private readonly pairs = new Set<[Socket, Socket]>();
  private open = true;
  private silent = false;

  static async to(host: string, port: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, host, port);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  private constructor(
    private readonly server: Server,
    private readonly targetHost: string,
    private readonly targetPort: number,
  ) {
    server.on("connection", (client) => this.join(client));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.pairs.size;
  }

  /** Resets all connections, and those that come until `heal`. */
  cut(): void {
    this.open = false;
    this.reset();
  }

  /** Resets the connections of this moment; the next ones go through. */
  reset(): void {
    for (const [client, server] of this.pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Nothing passes any more, and nobody is told: a server that hangs. */
  freeze(): void {
    this.silent = true;
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  /** Ends `cut` and `freeze`. */
  heal(): void {
    this.open = true;
    this.silent = false;
    for (const pair of this.pairs) for (const socket of pair) socket.resume();
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private join(client: Socket): void {
    if (!this.open) return void client.resetAndDestroy();
    const server = connect(this.targetPort, this.targetHost);
    const pair: [Socket, Socket] = [client, server];
    this.pairs.add(pair);
    for (const [from, to] of [pair, [server, client] as const]) {
      from.setNoDelay(true);
      from.on("error", () => undefined);
      from.on("close", () => {
        this.pairs.delete(pair);
        to.destroy();
      });
      from.pipe(to);
      if (this.silent) from.pause();
    }
  }
}
