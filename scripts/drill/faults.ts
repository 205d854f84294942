import type { Layout, Mesh } from "../../test/support/mesh";
import type { Random } from "./random";
import type { Servers } from "./servers";

/** The mesh under drill: two gateways, so that orders are taken throughout, and one node of each other kind. */
export const KINDS: Layout = {
  "gateway-1": "api",
  "gateway-2": "api",
  orders: "auth,plans,orders,fraud",
  payments: "payments,inventory",
  notifications: "notifications,audit",
};

/** Something that breaks, and how it is put right. */
export interface Fault {
  name: string;
  strike(): Promise<void>;
  mend(): Promise<void>;
}

/** Each server and each kind of node once, and RabbitMQ once more on an empty folder; in an order by chance. */
export function faults(mesh: Mesh, servers: Servers, random: Random): Fault[] {
  const killed = Object.entries(servers).map(([name, server]): Fault => ({
    name,
    strike: server.kill,
    mend: server.start,
  }));
  const wiped: Fault = {
    name: "rabbit, emptied",
    strike: () => servers.rabbit.wipe(),
    mend: () => servers.rabbit.start(),
  };
  const kinds = [random.pick(["gateway-1", "gateway-2"]), "orders", "payments", "notifications"];
  const nodes = kinds.map((kind): Fault => {
    const node = mesh.node(kind);
    return {
      name: `node ${kind}`,
      strike: async () => void (await node.end("SIGKILL")),
      mend: () => node.start(),
    };
  });
  return random.shuffle([...killed, wiped, ...nodes]);
}
