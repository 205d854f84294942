import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { Balancer } from "./balancer";
import { Client } from "./client";
import { ADMIN, makePlace, type Place, type Settings } from "./environment";
import { signIn } from "./people";
import { HubProcess, type Exit } from "./process";
import { waitFor } from "./wait";

/** What each node of a mesh runs: its name, and the value of `SERVICES`. */
export type Layout = Record<string, string>;

/** Two of everything, on as few processes as the work can be shared by. */
export const PAIRS: Layout = {
  "gateway-1": "api",
  "gateway-2": "api",
  "worker-1": "auth,plans,orders,fraud,payments,inventory,notifications,audit",
  "worker-2": "auth,plans,orders,fraud,payments,inventory,notifications,audit",
};

const START = { timeout: 60_000 };
/** A member of a Kafka group that was killed counts as one until its session ends. */
const EMPTY = { timeout: 30_000 };

/** One node, in a process of its own; it keeps its name and ports when it is started again. */
export class MeshNode {
  private process: HubProcess | null = null;

  constructor(
    readonly name: string,
    readonly services: string,
    private readonly settings: Settings,
    private readonly port: number,
    private readonly healthPort: number,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get isGateway(): boolean {
    return this.services.split(",").includes("api");
  }

  get running(): boolean {
    return this.process?.running ?? false;
  }

  /** What it has logged since its last start. */
  get output(): string {
    return (this.process?.stdout ?? "") + (this.process?.stderr ?? "");
  }

  /** Health and metrics, which every node answers on a port of its own. */
  get health(): Client {
    return new Client(`http://127.0.0.1:${this.healthPort}`);
  }

  /** Starts it without waiting; `own` are environment variables for this start alone. */
  spawn(own: Settings = {}): void {
    this.process = HubProcess.spawn({
      ...this.settings,
      NODE_ID: this.name,
      SERVICES: this.services,
      PORT: String(this.port),
      METRICS_PORT: String(this.healthPort),
      ...own,
    });
  }

  async start(own?: Settings): Promise<void> {
    this.spawn(own);
    await this.ready();
  }

  /** Resolves when `/health/ready` says 200, `ok` or `degraded`. */
  async ready(): Promise<void> {
    await waitFor(async () => {
      if (!this.running) throw new Error(`${this.name} has ended: ${this.output}`);
      return (await this.readiness()) === 200;
    }, START).catch((error: Error) => {
      throw new Error(`${this.name} is not ready: ${error.message} ${this.output}`);
    });
  }

  /** The status of `/health/ready`; 0 when nothing answers. */
  async readiness(): Promise<number> {
    return this.health.get("/health/ready").then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** Sends a signal and waits for the end. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<Exit | null> {
    return (await this.process?.end(signal)) ?? null;
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<Exit | null> {
    return (await this.process?.ended()) ?? null;
  }
}

/** Several nodes on the servers that the environment names, with a database of their own. */
export class Mesh {
  readonly nodes = new Map<string, MeshNode>();

  private constructor(private readonly place: Place) {}

  /** Starts the nodes of a layout together; resolves when each is ready. */
  static async start(layout: Layout, own: Settings = {}): Promise<Mesh> {
    const mesh = await Mesh.empty(own);
    try {
      await Promise.all(Object.entries(layout).map(([name, services]) => mesh.add(name, services)));
    } catch (error) {
      await mesh.stop();
      throw error;
    }
    return mesh;
  }

  /** A place with nobody in it yet. */
  static async empty(own: Settings = {}): Promise<Mesh> {
    let refused: unknown;
    const place = await waitFor(
      () =>
        makePlace({ LOG_LEVEL: "warn", ...own }).catch((error: unknown) => {
          refused = error;
          return null;
        }),
      EMPTY,
    ).catch(() => {
      throw refused;
    });
    return new Mesh(place);
  }

  /** A node more, not yet started. */
  async define(name: string, services: string): Promise<MeshNode> {
    const [port, healthPort] = await freePorts(2);
    const node = new MeshNode(name, services, this.place.settings, port, healthPort);
    this.nodes.set(name, node);
    return node;
  }

  /** A node more, ready. */
  async add(name: string, services: string): Promise<MeshNode> {
    const node = await this.define(name, services);
    await node.start();
    return node;
  }

  node(name: string): MeshNode {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`There is no node ${name}.`);
    return node;
  }

  get gateways(): MeshNode[] {
    return [...this.nodes.values()].filter((node) => node.isGateway);
  }

  /** A client of all gateways, as behind nginx; nobody is signed in. */
  get guest(): Balancer {
    return new Balancer(() => this.gateways.map(({ url }) => url));
  }

  /** The administrator, signed in. */
  async admin(): Promise<Client> {
    return (await signIn(this.guest, ADMIN)).client;
  }

  /** Ends every node and removes what they left behind. */
  async stop(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.end("SIGTERM")));
    await this.place.remove();
  }
}

/** Held together until all are known, so that no port comes twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
