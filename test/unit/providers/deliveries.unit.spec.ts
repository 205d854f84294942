import dns from "node:dns/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Config } from "../../../config";
import { openDeliveries } from "../../../providers/deliveries";

const content = {
  id: "notice-1",
  type: "OrderActivated",
  orderId: "order-1",
  title: "Your order",
  body: "It is active.",
  createdAt: "2026-01-15T09:00:00.000Z",
};

describe("webhooks", () => {
  let server: Server;
  let port: number;
  let status: number;
  let taken: { headers: IncomingMessage["headers"]; method?: string; url?: string; text: string }[];

  beforeEach(async () => {
    status = 204;
    taken = [];
    server = createServer((req, res) => {
      let text = "";
      req.on("data", (chunk: Buffer) => (text += String(chunk)));
      req.on("end", () => {
        taken.push({ headers: req.headers, method: req.method, url: req.url, text });
        res.writeHead(status, { location: "/elsewhere" }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    server.closeAllConnections();
    server.close();
  });

  const deliver = (to: string, allowPrivate: boolean): Promise<void> =>
    openDeliveries({ WEBHOOK_ALLOW_PRIVATE: allowPrivate } as Config).webhook(to, content);

  it("given a name whose address changes after the check, when it is posted to, then only the checked one is called", async () => {
    // An address that nothing answers at, and that no packet leaves the machine for.
    jest.spyOn(dns, "lookup").mockResolvedValue([{ address: "255.255.255.255", family: 4 }] as never);
    await expect(deliver(`http://localhost:${port}/hook`, false)).rejects.toMatchObject({
      code: "WEBHOOK_NOT_REACHED",
    });
    expect(taken).toEqual([]);
  });

  it.each(["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:a00:1]", "10.0.0.1"])(
    "given the private address %s, when it is posted to, then it is refused",
    async (host) => {
      await expect(deliver(`http://${host}:${port}/hook`, false)).rejects.toMatchObject({
        code: "WEBHOOK_PRIVATE",
        retryable: false,
      });
      expect(taken).toEqual([]);
    },
  );

  it("given private addresses are allowed, when one is posted to, then it gets the notification", async () => {
    await deliver(`http://localhost:${port}/hook?a=1`, true);
    expect(taken).toHaveLength(1);
    expect(taken[0]).toMatchObject({
      method: "POST",
      url: "/hook?a=1",
      headers: {
        host: `localhost:${port}`,
        "content-type": "application/json",
        "idempotency-key": "notice-1",
      },
    });
    expect(JSON.parse(taken[0]?.text ?? "")).toEqual(content);
  });

  it.each([
    [500, "WEBHOOK_FAILED", true],
    [429, "WEBHOOK_FAILED", true],
    [404, "WEBHOOK_REFUSED", false],
    [302, "WEBHOOK_REFUSED", false],
  ])(
    "given a receiver that answers %i, when it is posted to, then that is %s",
    async (answer, code, again) => {
      status = answer;
      await expect(deliver(`http://127.0.0.1:${port}/hook`, true)).rejects.toMatchObject({
        code,
        retryable: again,
      });
      expect(taken).toHaveLength(1);
    },
  );

  it("given nobody listens, when it is posted to, then it is tried again", async () => {
    await new Promise((resolve) => server.close(resolve));
    await expect(deliver(`http://127.0.0.1:${port}/hook`, true)).rejects.toMatchObject({
      code: "WEBHOOK_NOT_REACHED",
      message: "The webhook was not reached: ECONNREFUSED.",
      retryable: true,
    });
  });
});
