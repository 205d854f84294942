import type { Server } from "node:http";
import { join } from "node:path";
import { ServiceBroker } from "moleculer";
import type { Config } from "./config";
import { ConfigError } from "./contracts/errors";
import { startHealthServer } from "./mixins/http/health-server";
import { SystemEvents } from "./mixins/system-events";
import { within } from "./mixins/within";
import { brokerOptions } from "./moleculer.config";
import { openDatabase } from "./store";
import { storeLogger } from "./store/logger";

/** How long a stopping node may take before it is cut short, in milliseconds. */
const STOP_MS = 9_000;

/** One running node of the mesh. */
export interface Node {
  broker: ServiceBroker;
  /** Takes no new work, ends what it has begun, closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts a node with the services that `config.SERVICES` names.
 * @throws ConfigError when a setting cannot be used
 */
export async function startNode(config: Config): Promise<Node> {
  const database = await openDatabase({
    mongoUrl: config.MONGO_URL,
    dataDir: config.DATA_DIR,
    logger: storeLogger(config),
  });
  const broker = new ServiceBroker(await brokerOptions(config, database));
  for (const name of config.SERVICES) broker.loadService(join(__dirname, "services", `${name}.service`));
  let stopping: Promise<void> | null = null;
  const system = new SystemEvents(broker);
  let health: Server | undefined;

  async function shutDown(): Promise<void> {
    // The gateway first: what it has begun still finds its services, new requests go to other nodes.
    await (broker.getLocalService("api") as { drain?(): Promise<void> } | undefined)?.drain?.();
    await system.stopping();
    health?.close();
    await broker.stop();
  }

  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      await within(STOP_MS, shutDown(), undefined);
      await database.close();
    })();
    return stopping;
  };
  try {
    await Promise.race([broker.start(), portTaken(broker, config)]);
    if (config.METRICS_PORT !== undefined) health = await startHealthServer(broker, config.METRICS_PORT);
    await system.started();
  } catch (error) {
    await stop();
    throw error;
  }
  return { broker, stop };
}

/** Rejects when the gateway cannot listen: moleculer-web would wait for ever. */
function portTaken(broker: ServiceBroker, { PORT }: Config): Promise<never> {
  const { server } = (broker.getLocalService("api") ?? {}) as { server?: Server };
  return new Promise((_resolve, reject) => {
    server?.once("error", (error: NodeJS.ErrnoException) =>
      reject(new ConfigError(`PORT: the gateway cannot listen on ${PORT}: ${error.message}`)),
    );
  });
}
