import type { LookupAddress } from "node:dns";
import dns from "node:dns/promises";
import http, { createServer, type IncomingMessage, type RequestOptions, type Server } from "node:http";
import { isIP, type AddressInfo } from "node:net";
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

  /** Every name has this address, and nobody answers there; the addresses that were called. */
  function nobody(address: string): string[] {
    const called: string[] = [];
    const { request } = http;
    jest.spyOn(dns, "lookup").mockResolvedValue([{ address, family: isIP(address) }] as never);
    jest.spyOn(http, "request").mockImplementation(((to: URL, { lookup, ...options }: RequestOptions) => {
      lookup?.(to.hostname, { all: true }, (_error, found) => {
        for (const one of found as LookupAddress[]) called.push(one.address);
      });
      // No packet leaves the machine.
      return request({ ...options, host: "127.0.0.1", port: 1 });
    }) as typeof request);
    return called;
  }

  const deliver = (to: string, allowPrivate: boolean): Promise<void> =>
    openDeliveries({ WEBHOOK_ALLOW_PRIVATE: allowPrivate } as Config).webhook(to, content);

  it("given a name whose address changes after the check, when it is posted to, then only the checked one is called", async () => {
    const called = nobody("8.8.8.8");
    await expect(deliver(`http://localhost:${port}/hook`, false)).rejects.toMatchObject({
      code: "WEBHOOK_NOT_REACHED",
    });
    expect(called).toEqual(["8.8.8.8"]);
    expect(taken).toEqual([]);
  });

  it.each([
    ...["localhost", "127.0.0.1", "0.0.0.0", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.31.0.1"],
    ...["192.0.0.8", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1"],
    ...["203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"],
    ...["[::]", "[::1]", "[fc00::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[4000::1]", "[100::1]"],
    // An IPv4 address mapped, compatible, translated, by NAT64, 6to4 and Teredo.
    ...["[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[::7f00:1]", "[::ffff:0:7f00:1]", "[64:ff9b::a9fe:a9fe]"],
    ...["[64:ff9b:1::a00:1]", "[2002:a00:1::]", "[2001:0:a00:1::1]"],
    ...["[2001:2::1]", "[2001:20::1]", "[2001:db8::1]", "[3fff::1]"],
  ])("given %s, an address that is not public, when it is posted to, then it is refused", async (host) => {
    await expect(deliver(`http://${host}:${port}/hook`, false)).rejects.toMatchObject({
      code: "WEBHOOK_PRIVATE",
      retryable: false,
    });
    expect(taken).toEqual([]);
  });

  it.each(["8.8.8.8", "198.20.0.1", "::ffff:8.8.8.8", "2001:4860:4860::8888", "2606:4700:4700::1111"])(
    "given a name with the public address %s, when it is posted to, then that is called",
    async (address) => {
      const called = nobody(address);
      await expect(deliver(`http://hooks.test:${port}/hook`, false)).rejects.toMatchObject({
        code: "WEBHOOK_NOT_REACHED",
      });
      expect(called).toEqual([address]);
    },
  );

  it("given a name that has a private address beside a public one, when it is posted to, then it is refused", async () => {
    const called = nobody("8.8.8.8");
    const both = [
      { address: "8.8.8.8", family: 4 },
      { address: "fec0::1", family: 6 },
    ];
    jest.spyOn(dns, "lookup").mockResolvedValue(both as never);
    await expect(deliver(`http://hooks.test:${port}/hook`, false)).rejects.toMatchObject({
      code: "WEBHOOK_PRIVATE",
    });
    expect(called).toEqual([]);
  });

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
