import { request, type OutgoingHttpHeaders } from "node:http";
import { newId } from "../../contracts/ids";
import { needsBody, ROUTES } from "../../contracts/routes";
import type { Answer, Client, Page, Problem } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { VISA } from "../support/orders";
import { signUp } from "../support/people";

let hub: TestHub;
let user: Client;

beforeAll(async () => {
  hub = await startHub();
  user = (await signUp(hub.guest)).client;
});
afterAll(() => hub?.stop());

const JSON_BODY = { "content-type": "application/json" };

/** A problem as RFC 9457 has it, which tells nothing of the program behind it. */
function expectProblem({ headers, body, status }: Answer<Problem>, wanted: number, code?: string): void {
  expect([status, body.code]).toEqual([wanted, code ?? body.code]);
  expect(headers.get("content-type")).toContain("application/problem+json");
  expect(body).toMatchObject({ type: expect.any(String), title: expect.any(String), status: wanted });
  expect(body.code).toMatch(/^[A-Z_]+$/);
  expect(JSON.stringify(body)).not.toMatch(/\bat .+:\d+:\d+|node_modules|\.service|stack|Moleculer/i);
}

/** Sends a request as it is; `fetch` would tidy it up. */
const rawStatus = (
  method: string,
  path: string,
  { token = "", headers = {} }: { token?: string; headers?: OutgoingHttpHeaders },
): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(hub.url);
    const all = { ...headers, ...(token && { authorization: `Bearer ${token}` }) };
    request({ method, hostname, port, path, headers: all }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });

const rawGet = (path: string, token = ""): Promise<number> => rawStatus("GET", path, { token });

describe("every call", () => {
  const concrete = (path: string) => `/api${path.replace(/:\w+/g, "none")}`;

  test.each(ROUTES.filter(({ access }) => access !== "public").map((r) => [r.method, r.path] as const))(
    "%s %s asks for a token",
    async (method, path) => {
      expectProblem(await hub.guest.call(method, concrete(path)), 401, "TOKEN_MISSING");
    },
  );

  test.each(ROUTES.filter(({ access }) => access === "admin").map((r) => [r.method, r.path] as const))(
    "%s %s is an administrator's",
    async (method, path) => {
      expectProblem(await user.call(method, concrete(path)), 403, "FORBIDDEN");
    },
  );

  test.each([...new Set(ROUTES.map(({ path }) => path))])("%s says which methods it takes", async (path) => {
    const allowed = ROUTES.filter((route) => route.path === path).map(({ method }) => method);
    const [wrong = "PUT"] = ["PUT", "PATCH", "DELETE", "POST"].filter((m) => !allowed.includes(m as "PUT"));
    const answer = await hub.admin.call(wrong, concrete(path), {});
    // A path with an id may also be read as another path: `preferences` is no id.
    expectProblem(answer, 405, "METHOD_NOT_ALLOWED");
    const allow = String(answer.headers.get("allow")).split(", ");
    expect(allow).toEqual(expect.arrayContaining(allowed));
  });
});

describe("a body", () => {
  test.each([["{"], ["{'a': 1}"], ["nonsense"], ['"text"'], ["undefined"]])(
    "of %j is a 400",
    async (text) => {
      expectProblem(await user.send("POST", "/api/orders", text, JSON_BODY), 400, "VALIDATION_ERROR");
    },
  );

  test.each(["/api/orders", "/api/auth/login"])("that nests too deep for %s is a 400", async (path) => {
    const deep = "[".repeat(50_000) + "]".repeat(50_000);
    const headers = { ...JSON_BODY, "idempotency-key": newId() };
    expectProblem(await user.send("POST", path, deep, headers), 400, "VALIDATION_ERROR");
    const field = `{"planId":${"[".repeat(70)}${"]".repeat(70)}}`;
    expectProblem(await user.send("POST", path, field, headers), 400, "VALIDATION_ERROR");
  });

  test("that cannot be read is told to nobody who may not make the call", async () => {
    expectProblem(await hub.guest.send("POST", "/api/orders", "{", JSON_BODY), 401, "TOKEN_MISSING");
    expectProblem(await user.send("POST", "/api/admin/plans", "{", JSON_BODY), 403, "FORBIDDEN");
  });

  test("of more than 100 kB is a 413, and of just less is read", async () => {
    const big = (size: number) => JSON.stringify({ planId: "x".repeat(size) });
    expectProblem(await user.send("POST", "/api/orders", big(120_000), JSON_BODY), 413, "PAYLOAD_TOO_LARGE");
    expectProblem(await user.send("POST", "/api/orders", big(90_000), JSON_BODY), 400, "VALIDATION_ERROR");
  });

  const CALLS = ROUTES.filter(({ body }) => body).map((route) => [route.method, route.path, route] as const);
  const concrete = (path: string) => `/api${path.replace(/:\w+/g, "none")}`;

  test.each(CALLS)("of another type than JSON is a 400 for %s %s", async (method, path) => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/vnd.api+json", ""]) {
      const headers = { "content-type": type };
      const answer = await hub.admin.send<Problem>(method, concrete(path), "{}", headers);
      expectProblem(answer, 400, "VALIDATION_ERROR");
      expect(answer.body.errors).toEqual([
        { pointer: "", detail: expect.stringMatching("application/json") },
      ]);
    }
  });

  test.each(CALLS.filter(([, , route]) => needsBody(route)))(
    "that is missing is a 400 for %s %s",
    async (method, path) => {
      for (const headers of [{}, JSON_BODY]) {
        const answer = await hub.admin.send<Problem>(method, concrete(path), "", headers);
        expectProblem(answer, 400, "VALIDATION_ERROR");
      }
    },
  );

  test("that is missing or of another type changes no preference", async () => {
    const path = "/api/notifications/preferences";
    const chosen = { email: "me@hub.test", sms: null, push: null, webhook: null };
    await user.put(path, chosen);
    const chunked = { ...JSON_BODY, "transfer-encoding": "chunked" };
    expect(await rawStatus("PUT", path, { headers: chunked, token: user.token })).toBe(400);
    expectProblem(await user.send("PUT", path, "email=you", {}), 400, "VALIDATION_ERROR");
    expectProblem(await user.send("PUT", path, undefined), 400, "VALIDATION_ERROR");
    expect((await user.get<unknown>(path)).body).toEqual(chosen);
  });

  test("may be missing where a call needs none", async () => {
    for (const path of ["/api/orders/none/cancel", "/api/notifications/none/read"])
      expectProblem(await user.send("POST", path, ""), 404, "NOT_FOUND");
    for (const path of ["redrive", "discard"])
      expectProblem(
        await hub.admin.send("POST", `/api/admin/dead-letters/none/${path}`, ""),
        404,
        "NOT_FOUND",
      );
  });

  test("of more than 100 kB is a 413 whatever its type", async () => {
    const answer = await hub.guest.send("POST", "/api/auth/login", "x".repeat(120_000));
    expectProblem(answer, 413, "PAYLOAD_TOO_LARGE");
  });

  test("with __proto__ or a prototype's fields is a 400 and changes nothing", async () => {
    const text = '{"planId":"basic","paymentMethod":"pm_card_visa","__proto__":{"quantity":99}}';
    expect((await user.send("POST", "/api/orders", text, JSON_BODY)).status).toBe(400);
    expect(({} as { quantity?: number }).quantity).toBeUndefined();
  });

  test("in an odd charset or encoding is a 4xx", async () => {
    const body = JSON.stringify(VISA);
    const odd = { "content-type": "application/json; charset=klingon" };
    const squeezed = { ...JSON_BODY, "content-encoding": "gzip" };
    for (const headers of [odd, squeezed]) {
      const answer = await user.send("POST", "/api/orders", body, headers);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expectProblem(answer, answer.status);
    }
  });

  test("with half a character in an id is no 500", async () => {
    const text = '{"planId":"\\ud800\\u0000","paymentMethod":"pm_card_visa"}';
    expectProblem(await user.send("POST", "/api/orders", text, JSON_BODY), 400, "VALIDATION_ERROR");
  });
});

describe("a query", () => {
  test.each([
    "/api/orders?limit=0",
    "/api/orders?limit=201",
    "/api/orders?limit=-1",
    "/api/orders?limit=1.5",
    "/api/orders?limit=ten",
    "/api/orders?limit=1&limit=2",
    "/api/orders?limit[$gt]=1",
    "/api/notifications?limit=0",
    "/api/subscriptions?limit=0",
  ])("%s is a 400", async (path) => {
    expectProblem(await user.get(path), 400, "VALIDATION_ERROR");
  });

  test.each([
    "/api/orders?after=nonsense",
    "/api/orders?after=W10",
    "/api/orders?after=%00",
    "/api/notifications?after=nonsense",
    "/api/subscriptions?after=nonsense",
    "/api/plans?after=nonsense",
  ])("%s is a bad cursor", async (path) => {
    expectProblem(await user.get(path), 400, "BAD_CURSOR");
  });

  test.each([
    ["/api/admin/orders?status=DONE", "VALIDATION_ERROR"],
    ["/api/admin/orders?status[$ne]=PENDING", "VALIDATION_ERROR"],
    ["/api/admin/orders?userId[$exists]=true", "VALIDATION_ERROR"],
    ["/api/admin/audit?from=yesterday", "VALIDATION_ERROR"],
    ["/api/admin/audit?key[$gt]=", "VALIDATION_ERROR"],
    ["/api/admin/audit?after=nonsense", "BAD_CURSOR"],
    ["/api/admin/users?after=nonsense", "BAD_CURSOR"],
    ["/api/admin/payments?after=nonsense", "BAD_CURSOR"],
    ["/api/admin/inventory?after=nonsense", "BAD_CURSOR"],
    ["/api/admin/dead-letters?status=lost", "VALIDATION_ERROR"],
    ["/api/admin/dead-letters?after=nonsense", "BAD_CURSOR"],
    ["/api/admin/orders/none?at=noon", "VALIDATION_ERROR"],
  ])("%s is a 400 %s", async (path, code) => {
    expectProblem(await hub.admin.get(path), 400, code);
  });

  test("of the audit finds what it names, whatever else it has", async () => {
    const all = await hub.admin.get<Page<unknown>>("/api/admin/audit?limit=1");
    expect(all.body.items).toHaveLength(1);
    for (const more of ["source[$ne]=plans", "$or[0][source]=none", "$where=1", "_id=none"]) {
      const { status, body } = await hub.admin.get<Page<unknown>>(`/api/admin/audit?limit=1&${more}`);
      expect([status, body.items]).toEqual([200, all.body.items]);
    }
  });

  test("of an empty cursor starts from the beginning", async () => {
    expect((await user.get("/api/orders?after=&limit=")).status).not.toBe(500);
  });
});

describe("what is internal stays inside", () => {
  const ACTIONS = [
    "$node/list",
    "$node/services",
    "$node.list",
    "%24node/list",
    "orders.find",
    "orders/find",
    "orders/list",
    "orders/insert",
    "orders/stats",
    "orders.stats",
    "orders/count",
    "audit/heldCommands",
    "audit.heldCommands",
    "audit/ofOrder",
    "audit/openDeadLetters",
    "auth/revocations",
    "auth/jwks",
    "fraud/score",
    "fraud.score",
    "inventory/resize",
    "plans/prices",
    "notifications/since",
    "api/stats",
    "api/rest",
    "users",
    "sessions",
  ];

  test.each(ACTIONS)("/api/%s is not there", async (action) => {
    for (const method of ["GET", "POST"]) {
      const { status } = await hub.admin.call(method, `/api/${action}`, method === "POST" ? {} : undefined);
      // `orders/find` may be read as the order of id `find`, which nobody has.
      expect([404, 405]).toContain(status);
    }
    expect([404, 405]).toContain((await hub.guest.get(`/${action}`)).status);
  });

  test("services offer no other actions on the mesh than their own", async () => {
    const actions = (await hub.broker.call<{ name: string }[]>("$node.actions")).map(({ name }) => name);
    const foreign =
      /\.(find|insert|update|create|count|list|get|remove|rest|listAliases|addRoute|removeRoute)$/;
    const own = new Set(ROUTES.map(({ action }) => action));
    const known = new Set(["orders.count"]);
    expect(
      actions.filter(
        (name) => foreign.test(name) && !own.has(name) && !known.has(name) && !/^(\$node|api)\./.test(name),
      ),
    ).toEqual([]);
  });

  test.each([
    "/../package.json",
    "/..%2fpackage.json",
    "/%2e%2e/package.json",
    "/vendor/../../package.json",
    "/data/hub.sqlite",
    "/.env",
    "/.git/config",
  ])("GET %s gives no file", async (path) => {
    expect([400, 403, 404]).toContain(await rawGet(path));
  });

  test.each([
    "/api/orders/%",
    "/api/orders/%ff",
    "/api/orders/%00",
    `/api/orders/${"x".repeat(5_000)}`,
    "/api//orders",
    "/api/orders/a%2Fb",
  ])("GET %s is a 4xx", async (path) => {
    const status = await rawGet(path, user.token);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });
});

describe("answers", () => {
  test("carry security headers and close CORS", async () => {
    for (const path of ["/api/plans", "/health/live", "/api/nothing", "/"]) {
      const { headers } = await hub.guest.get(path, { origin: "https://elsewhere.test" });
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'self'");
      expect(headers.get("x-frame-options") ?? headers.get("content-security-policy")).toMatch(
        /SAMEORIGIN|frame-ancestors/,
      );
      expect(headers.get("access-control-allow-origin")).toBeNull();
      expect(headers.get("x-powered-by")).toBeNull();
    }
  });

  test("for an unknown path are a 404", async () => {
    expectProblem(await user.get("/api/nothing"), 404, "NOT_FOUND");
  });
});

describe("health", () => {
  test("live is ok", async () => {
    const { status, body } = await hub.guest.get<{ status: string }>("/health/live");
    expect([status, body]).toEqual([200, { status: "ok" }]);
  });

  test("ready tells of everything that the node needs", async () => {
    const { status, body } = await hub.guest.get<{ status: string; checks: Record<string, unknown> }>(
      "/health/ready",
    );
    expect(status).toBe(200);
    expect(body).toEqual({
      status: "ok",
      checks: {
        store: "up",
        commands: "up",
        events: "up",
        transporter: "up",
        services: Object.fromEntries(
          ["auth", "plans", "orders", "fraud", "payments", "inventory", "notifications", "audit", "api"].map(
            (name) => [name, "up"],
          ),
        ),
      },
    });
  });
});

test("an outage of a service is a 503 with Retry-After, not a 500", async () => {
  await hub.broker.destroyService(hub.broker.getLocalService("plans"));
  const answer = await hub.guest.get<Problem>("/api/plans");
  expectProblem(answer, 503, "SERVICE_UNAVAILABLE");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  const ready = await hub.guest.get<{ status: string }>("/health/ready");
  expect([ready.status, ready.body.status]).toEqual([503, "unavailable"]);
});
