import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import type { ServiceBroker } from "moleculer";
import { loadConfig } from "../../config";
import { startNode, type Node } from "../../node";
import { Client } from "./client";
import { ADMIN, makePlace, type Settings } from "./environment";
import { signIn } from "./people";

/** A hub in this process, with an administrator signed in. */
export interface TestHub {
  url: string;
  broker: ServiceBroker;
  /** Nobody. */
  guest: Client;
  admin: Client;
  /** Stops the node and starts another on the same data. */
  restart(): Promise<void>;
  /** Stops it and removes what it left behind. */
  stop(): Promise<void>;
}

/** Starts a node with all services on a free port; `own` are environment variables beside the usual ones. */
export async function startHub(own: Settings = {}): Promise<TestHub> {
  const place = await makePlace(own);
  let node: Node;
  const hub = {
    async restart() {
      await node.stop();
      await start();
    },
    async stop() {
      await node.stop();
      await place.remove();
    },
  } as TestHub;

  async function start(): Promise<void> {
    node = await startNode(loadConfig(place.settings));
    const { server } = node.broker.getLocalService("api") as unknown as { server: Server };
    hub.broker = node.broker;
    hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    hub.guest = new Client(hub.url);
    hub.admin = (await signIn(hub.guest, ADMIN)).client;
  }

  try {
    await start();
  } catch (error) {
    await place.remove();
    throw error;
  }
  return hub;
}
