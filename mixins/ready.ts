import type { Server } from "node:http";
import type { ServiceBroker } from "moleculer";

/** The line that says that a node is ready, and where; `since` (ms) is when its start began. */
export function readyLine(broker: ServiceBroker, since: number): string {
  const { server } = (broker.getLocalService("api") ?? {}) as { server?: Server };
  const address = server?.address();
  const where =
    address && typeof address === "object"
      ? `http://localhost:${address.port}`
      : broker.hub.config.SERVICES.join(", ") || "REPL of the mesh";
  return `Subscription Hub is ready: ${where} (${((Date.now() - since) / 1000).toFixed(1)} s)\n`;
}
