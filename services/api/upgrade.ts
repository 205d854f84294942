import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

const OFFER = /^(upgrade|http2-settings|connection)$/i;

/**
 * Answers a request that offers another protocol (Java's HttpClient offers HTTP/2 with `Upgrade: h2c`) as if it
 * did not, which RFC 9110 allows: as soon as anyone listens for upgrades, Node hands all of them over unread.
 */
export function declineUpgrades(server: Server, except: string): void {
  server.on("upgrade", (req: IncomingMessage, socket: Socket, body: Buffer) => {
    if (req.url?.startsWith(except)) return;
    // It is put back without its offer, in front of what came after it, and read as a new connection.
    socket.unshift(Buffer.concat([Buffer.from(withoutOffer(req), "latin1"), body]));
    server.emit("connection", socket);
  });
}

function withoutOffer({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (!OFFER.test(rawHeaders[i] ?? "")) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
