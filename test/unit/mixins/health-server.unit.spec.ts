import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServiceBroker } from "moleculer";
import { ConfigError } from "../../../contracts/errors";
import { startHealthServer } from "../../../mixins/http/health-server";

describe("METRICS_PORT", () => {
  let other: Server;
  let port: number;

  beforeEach(async () => {
    other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    ({ port } = other.address() as AddressInfo);
  });
  afterEach(() => void other.close());

  it("given a port that is taken, when a node starts, then a line names the setting and what to do", async () => {
    const error: unknown = await startHealthServer({} as ServiceBroker, port).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(
      new RegExp(`^METRICS_PORT: .* ${port}: .*EADDRINUSE.*Set another port\\.$`),
    );
  });
});

describe("the server of METRICS_PORT", () => {
  let server: Server;
  let url: string;

  beforeAll(async () => {
    const metrics = { contentType: "text/plain", text: () => Promise.resolve("hub_up 1\n") };
    server = await startHealthServer({ hub: { metrics } } as unknown as ServiceBroker, 0);
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it("given GET, when /metrics is asked for, then it answers, with a query too", async () => {
    for (const path of ["/metrics", "/metrics?name=hub"])
      expect(await (await fetch(url + path)).text()).toBe("hub_up 1\n");
  });

  it("given HEAD, when /metrics is asked for, then the answer has no body", async () => {
    const answer = await fetch(`${url}/metrics`, { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  it("given OPTIONS, when /metrics is asked for, then it says what it takes", async () => {
    const answer = await fetch(`${url}/metrics`, { method: "OPTIONS" });
    expect([answer.status, answer.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
  });

  it.each([
    ["POST", "/metrics", 405, "METHOD_NOT_ALLOWED"],
    ["DELETE", "/health/live", 405, "METHOD_NOT_ALLOWED"],
    ["GET", "/api/orders", 404, "NOT_FOUND"],
    ["POST", "/nothing", 404, "NOT_FOUND"],
  ])("given %s, when %s is asked for, then it is a problem %i %s", async (method, path, status, code) => {
    const answer = await fetch(url + path, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(await answer.json()).toMatchObject({ status, code });
    expect(answer.headers.get("allow")).toBe(status === 405 ? "GET, HEAD, OPTIONS" : null);
  });
});
