import { createServer, type Server } from "node:http";
import type { ServiceBroker } from "moleculer";
import { ConfigError } from "../contracts/errors";
import { readiness } from "./health";

/**
 * `/health/*` and `/metrics` of one node on a port of its own (`METRICS_PORT`).
 * @throws ConfigError when the port cannot be had
 */
export async function startHealthServer(broker: ServiceBroker, port: number): Promise<Server> {
  const server = createServer((req, res) => {
    const send = (status: number, body: unknown): void => {
      res.writeHead(status, {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "no-store",
      });
      res.end(JSON.stringify(body));
    };
    if (req.url === "/health/live") return send(200, { status: "ok" });
    if (req.url === "/health/ready")
      return void readiness(broker).then((ready) => send(ready.status === "unavailable" ? 503 : 200, ready));
    if (req.url === "/metrics")
      return void broker.hub.metrics.text().then((text) => {
        res.writeHead(200, { "Content-Type": broker.hub.metrics.contentType });
        res.end(text);
      });
    send(404, { status: "not found" });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, resolve)).catch(
    (error: Error) => {
      const why = `this node cannot listen on ${port}: ${error.message}`;
      throw new ConfigError(`METRICS_PORT: ${why}. Set another port.`);
    },
  );
  return server;
}
