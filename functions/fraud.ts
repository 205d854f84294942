// First: see there.
import { onEndSignal } from "../signals";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { loadConfig } from "../config";
import { FraudRequest } from "../contracts/api";
import {
  ConfigError,
  MethodNotAllowedError,
  PayloadTooLargeError,
  ValidationError,
} from "../contracts/errors";
import { parse } from "../contracts/validate";
import { scoreOrder } from "../domain/fraud";
import { BODY_LIMIT } from "../mixins/http/body";
import { hubError, sendJson, sendProblem } from "../mixins/http/problem";
import { answerUnreadable } from "../mixins/http/unreadable";

/**
 * The fraud function alone, as a server: `POST` of `{orderId, userId, amount, currency, items}` is answered with
 * `{score, reasons}`, `GET` (of a probe) with 200. `FRAUD_URL` names it to the hub.
 */
export const fraudFunction = (): Server =>
  answerUnreadable(
    createServer(
      (req, res) => void answer(req, res).catch((error: unknown) => sendProblem(res, hubError(error))),
    ),
  );

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const id = req.headers["x-correlation-id"];
  if (id !== undefined) res.setHeader("X-Correlation-Id", id);
  if (req.method === "GET" || req.method === "HEAD") return sendJson(res, 200, { status: "ok" });
  if (req.method !== "POST") throw new MethodNotAllowedError(["POST", "GET", "HEAD"]);
  sendJson(res, 200, scoreOrder(parse(FraudRequest, await read(req))));
}

async function read(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw new PayloadTooLargeError("100 kB");
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw ValidationError.of("", "the body is not JSON");
  }
}

/** The program: listens on `PORT` until it is told to end. */
function main(): void {
  const { PORT } = loadConfig();
  const server = fraudFunction();
  server.once("error", ({ message }: Error) =>
    fail(new ConfigError(`PORT: cannot listen on ${PORT}: ${message}`)),
  );
  server.listen(PORT, () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`The fraud function is ready: http://localhost:${port}\n`);
  });
  onEndSignal(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

function fail({ message }: Error): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

if (require.main === module) {
  try {
    main();
  } catch (error) {
    fail(error as Error);
  }
}
