import { maxHeaderSize, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { HubError } from "../../contracts/errors";
import { problemBody } from "../../contracts/problem";

/** What the parser's errors mean, by their codes; all others are a 400. */
const KNOWN: Record<string, [status: number, message: string]> = {
  HPE_HEADER_OVERFLOW: [431, `The headers are longer than ${maxHeaderSize} bytes.`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not come to its end in time."],
};

/** Answers what Node's parser refuses with a problem, as all other errors: no route ever sees such a request. */
export function answerUnreadable(server: Server): Server {
  return server.on("clientError", ({ code = "" }: NodeJS.ErrnoException, socket: Duplex) => {
    // An answer that has begun is not gone on with by another one.
    const begun = (socket as { _httpMessage?: ServerResponse })._httpMessage?.headersSent;
    if (code === "ECONNRESET" || !socket.writable || begun) return void socket.destroy();
    const [status, message] = KNOWN[code] ?? [400, "The request cannot be read."];
    const problem = problemBody(new HubError("BAD_REQUEST", status, message));
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${status} ${problem.title}`,
      "Content-Type: application/problem+json; charset=utf-8",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  });
}
