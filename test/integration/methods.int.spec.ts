import { connect } from "node:net";
import { request } from "node:http";
import { ADMIN } from "../support/environment";
import type { Problem } from "../support/client";
import { startHub, type TestHub } from "../support/hub";

let hub: TestHub;

/** One after the other: on real servers a hub has the brokers to itself. */
function givenHub(own: Record<string, string> = {}): void {
  beforeAll(async () => {
    hub = await startHub(own);
  });
  afterAll(() => hub?.stop());
}

const PATHS = [
  "/health/live",
  "/health/ready",
  "/metrics",
  "/.well-known/jwks.json",
  "/api/plans",
  "/api/docs",
  "/api/openapi.json",
];
const allowOf = (headers: Headers) => String(headers.get("allow")).split(", ");

describe("as it is by default", () => {
  givenHub();

  describe("a method that a path does not take", () => {
    test.each(PATHS)("given POST %s, then it is a 405 that says what it takes", async (path) => {
      const { status, headers, body } = await hub.guest.post<Problem>(path, {});
      expect([status, body.code]).toEqual([405, "METHOD_NOT_ALLOWED"]);
      expect(headers.get("content-type")).toContain("application/problem+json");
      expect(allowOf(headers)).toEqual(["GET", "HEAD", "OPTIONS"]);
    });
  });

  describe("HEAD", () => {
    test.each([...PATHS, "/", "/vendor/socket.io.min.js"])(
      "given %s, then it is answered as GET, without the body",
      async (path) => {
        const get = await hub.guest.get<unknown>(path);
        const head = await hub.guest.call<unknown>("HEAD", path);
        expect([head.status, head.body]).toEqual([200, ""]);
        expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
      },
    );

    test("given a path that takes no GET, then it is a 405", async () => {
      expect((await hub.guest.call("HEAD", "/api/auth/login")).status).toBe(405);
    });
  });

  describe("OPTIONS", () => {
    test("given a path, then it says what the path takes and runs nothing", async () => {
      const asked = { "access-control-request-method": "POST", origin: "https://elsewhere.test" };
      for (const headers of [{}, asked]) {
        const answer = await hub.admin.call<unknown>("OPTIONS", "/api/orders", undefined, headers);
        expect([answer.status, answer.body]).toEqual([204, ""]);
        expect(allowOf(answer.headers).sort()).toEqual(["GET", "HEAD", "OPTIONS", "POST"]);
        expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      }
    });

    test.each(PATHS)("given %s, then it is a 204", async (path) => {
      expect((await hub.guest.call("OPTIONS", path)).status).toBe(204);
    });

    test("given a path that is not there, then it is a 404", async () => {
      expect((await hub.guest.call("OPTIONS", "/api/nothing")).status).toBe(404);
    });
  });

  test("given a whole URL, as a client asks a proxy, then it is answered as its path", async () => {
    const { hostname, port } = new URL(hub.url);
    for (const path of ["http://hub.example/api/plans?limit=1", "HTTPS://hub.example"]) {
      const status = await new Promise((resolve, reject) =>
        request({ hostname, port, path }, (res) => resolve(res.resume().statusCode))
          .on("error", reject)
          .end(),
      );
      expect([path, status]).toEqual([path, 200]);
    }
  });

  describe("a 401", () => {
    test.each([
      ["no token", {}, "Bearer"],
      ["a bad one", { authorization: "Bearer nonsense" }, 'Bearer error="invalid_token"'],
    ])("given %s, then it says how to do better", async (_, headers: Record<string, string>, wanted) => {
      const answer = await hub.guest.call<unknown>("GET", "/api/auth/me", undefined, headers);
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, wanted]);
    });
  });

  describe("a path that is not there", () => {
    test.each([
      "/api",
      "/api/",
      "/apidocs/",
      "/health",
      "/health/",
      "/.well-known/",
      "/metrics/x",
      "/vendor/",
    ])("given GET %s, then it is a problem and not a page", async (path) => {
      const { status, headers, body } = await hub.guest.get<Problem>(path);
      expect([status, body.code]).toEqual([404, "NOT_FOUND"]);
      expect(headers.get("content-type")).toContain("application/problem+json");
    });
  });

  describe("a request that cannot be read", () => {
    test.each([
      ["a method that HTTP does not have", "ORDER / HTTP/1.1\r\nHost: hub\r\n\r\n", 400],
      ["what is no HTTP at all", "hello\r\n\r\n", 400],
      ["headers without end", `GET / HTTP/1.1\r\nHost: hub\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    ])("given %s, then it is a problem that says so", async (_, text, status) => {
      const { hostname, port } = new URL(hub.url);
      const socket = connect(Number(port), hostname);
      socket.write(text);
      let answer = "";
      for await (const chunk of socket) answer += String(chunk);
      const [head = "", body = ""] = answer.split("\r\n\r\n");
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(head).toContain("Content-Type: application/problem+json");
      expect(JSON.parse(body)).toMatchObject({ status, code: "BAD_REQUEST" });
    });
  });

  describe("a request that offers another protocol", () => {
    const h2c = {
      connection: "Upgrade, HTTP2-Settings",
      upgrade: "h2c",
      "http2-settings": "AAMAAABkAAQAoAAA",
    };

    /** Two requests, the second on the same connection. */
    async function asked(headers: Record<string, string>, text: string): Promise<string> {
      const { hostname, port } = new URL(hub.url);
      const socket = connect(Number(port), hostname);
      const head = (more: Record<string, string>) =>
        ["POST /api/auth/login HTTP/1.1", "Host: hub", ...Object.entries(more).map((h) => h.join(": "))].join(
          "\r\n",
        );
      const json = { "Content-Type": "application/json", "Content-Length": String(text.length) };
      socket.write(`${head({ ...json, ...headers })}\r\n\r\n${text}`);
      socket.write(`${head({ ...json, Connection: "close" })}\r\n\r\n${text}`);
      let answer = "";
      for await (const chunk of socket) answer += String(chunk);
      return answer;
    }

    test("given h2c, then it is answered over HTTP/1.1, its body and the next request too", async () => {
      const answer = await asked(h2c, JSON.stringify(ADMIN));
      expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
      expect(answer.match(/"accessToken"/g)).toHaveLength(2);
    });

    test("given a websocket where there is none, then it is a 404", async () => {
      const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
      const status = await new Promise((resolve, reject) =>
        request(`${hub.url}/live`, { headers }, (res) => resolve(res.resume().statusCode))
          .on("error", reject)
          .end(),
      );
      expect(status).toBe(404);
    });
  });
});

describe("with a METRICS_PORT", () => {
  givenHub({ METRICS_PORT: "0" });

  test.each(["/metrics", "/metrics/"])("given %s on the main port, then it is not there", async (path) => {
    const { status, body } = await hub.guest.get<Problem>(path);
    expect([status, body.code]).toEqual([404, "NOT_FOUND"]);
  });
});

describe("with CORS_ORIGIN", () => {
  const origin = "https://shop.test";
  givenHub({ CORS_ORIGIN: origin });

  test("given a preflight, then it is allowed", async () => {
    const { status, headers } = await hub.guest.call("OPTIONS", "/api/orders", undefined, {
      origin,
      "access-control-request-method": "POST",
    });
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-origin")).toBe(origin);
    expect(headers.get("access-control-allow-methods")).toContain("POST");
  });

  test("given a page of the hub itself, when it signs in, then it may", async () => {
    const headers = { origin: hub.url };
    expect((await hub.guest.post("/api/auth/login", ADMIN, headers)).status).toBe(200);
  });

  test.each([
    ["GET", "/api/plans", 200],
    ["GET", "/health/live", 200],
    ["GET", "/", 200],
    ["OPTIONS", "/api/auth/login", 204],
  ])("given %s %s of a page of elsewhere, then it may not read the answer", async (method, path, wanted) => {
    const asked = { origin: "https://elsewhere.test", "access-control-request-method": "POST" };
    const { status, headers } = await hub.guest.call(method, path, undefined, asked);
    expect(status).toBe(wanted);
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test.each([
    ["GET", "/api/orders", 401],
    ["PUT", "/api/orders", 405],
    ["GET", "/api/nothing", 404],
  ])("given %s %s with an error, then the other origin can read it", async (method, path, wanted) => {
    const { status, headers } = await hub.guest.call(method, path, undefined, { origin });
    expect([status, headers.get("access-control-allow-origin")]).toEqual([wanted, origin]);
  });
});
