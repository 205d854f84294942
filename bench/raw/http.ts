import { createPrivateKey, createPublicKey, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import jwt from "jsonwebtoken";

const KEY = createPublicKey(createPrivateKey(process.env.JWT_PRIVATE_KEY ?? ""));

/** An order as one would write it down by hand. */
export interface PlainOrder {
  id: string;
  userId: string;
  status: "PENDING";
  items: unknown;
  createdAt: string;
}

/** A bare HTTP server: checks the token, reads the body, has the order kept, and answers 202. */
export function serve(keep: (order: PlainOrder) => Promise<void> | void): void {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      void (async () => {
        try {
          const token = (request.headers.authorization ?? "").replace("Bearer ", "");
          const { sub = "" } = jwt.verify(token, KEY, { algorithms: ["ES256"] }) as jwt.JwtPayload;
          const { items } = JSON.parse(text) as { items: unknown };
          const createdAt = new Date().toISOString();
          const order: PlainOrder = { id: randomUUID(), userId: sub, status: "PENDING", items, createdAt };
          await keep(order);
          response.writeHead(202, { "content-type": "application/json" });
          response.end(JSON.stringify(order));
        } catch (error) {
          response.writeHead(500).end((error as Error).message);
        }
      })();
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address && typeof address === "object")
      process.stdout.write(`ready: http://127.0.0.1:${address.port}\n`);
  });
}
