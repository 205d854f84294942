import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { ConfigError, MethodNotAllowedError, NotFoundError } from "../../contracts/errors";
import { readiness } from "./health";
import { answerUnreadable } from "./unreadable";
import { hubError, sendJson, sendProblem } from "./problem";

type Probe = (broker: ServiceBroker, res: ServerResponse) => void | Promise<void>;

/** What a node tells of itself, by path: on `METRICS_PORT`, else on the gateway's own port. */
export const PROBES = {
  "/health/live": (_broker, res) => sendJson(res, 200, { status: "ok" }),
  "/health/ready": async (broker, res) => {
    const ready = await readiness(broker);
    sendJson(res, ready.status === "unavailable" ? 503 : 200, ready);
  },
  "/metrics": async ({ hub: { metrics } }, res) => {
    const text = await metrics.text();
    res.writeHead(200, { "Content-Type": metrics.contentType });
    res.end(text);
  },
} satisfies Record<string, Probe>;

const METHODS = ["GET", "HEAD", "OPTIONS"];

/**
 * `/health/*` and `/metrics` of one node on a port of its own (`METRICS_PORT`).
 * @throws ConfigError when the port cannot be had
 */
export async function startHealthServer(broker: ServiceBroker, port: number): Promise<Server> {
  const probes = new Map<string, Probe>(Object.entries(PROBES));
  async function answer({ method = "GET", url = "" }: IncomingMessage, res: ServerResponse): Promise<void> {
    const probe = probes.get(url.split("?")[0] ?? "");
    if (!probe) throw new NotFoundError();
    if (!METHODS.includes(method)) throw new MethodNotAllowedError(METHODS);
    if (method === "OPTIONS") return void res.writeHead(204, { Allow: METHODS.join(", ") }).end();
    await probe(broker, res);
  }
  const server = answerUnreadable(
    createServer(
      (req, res) => void answer(req, res).catch((error: unknown) => sendProblem(res, hubError(error))),
    ),
  );
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, resolve)).catch(
    (error: Error) => {
      const why = `this node cannot listen on ${port}: ${error.message}`;
      throw new ConfigError(`METRICS_PORT: ${why}. Set another port.`);
    },
  );
  return server;
}
