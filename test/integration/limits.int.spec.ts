import type { Client } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { signUp } from "../support/people";

let hub: TestHub;
const stop = () => hub?.stop();

const from = (client: Client, path: string, address: string) =>
  client.get(path, { "x-forwarded-for": address });

describe("the rate limit", () => {
  beforeAll(async () => {
    hub = await startHub({ RATE_LIMIT: "20", TRUST_PROXY: "on" });
  });
  afterAll(stop);

  test("is each user's own, whatever address they come from", async () => {
    const [one, two] = await Promise.all([signUp(hub.guest), signUp(hub.guest)]);
    const answers = await Promise.all(
      Array.from({ length: 25 }, (_, i) => from(one.client, "/api/orders", `10.1.0.${i}`)),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    for (const { body, headers } of refused) {
      expect(body.code).toBe("TOO_MANY_REQUESTS");
      expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(Number(headers.get("retry-after"))).toBeLessThanOrEqual(60);
    }
    expect((await two.client.get("/api/orders")).status).toBe(200);
  });

  test("is each address's without a valid token", async () => {
    for (const client of [hub.guest, hub.guest.as("not-a-token")]) {
      const address = `10.2.0.${client.token ? 1 : 2}`;
      const answers = await Promise.all(
        Array.from({ length: 25 }, () => from(client, "/api/plans", address)),
      );
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(5);
      expect((await from(client, "/api/plans", "10.3.0.1")).status).toBe(200);
    }
  });

  test("counts calls that are not there", async () => {
    const ask = (i: number) =>
      hub.guest.call(i % 2 ? "DELETE" : "GET", i % 2 ? "/api/plans" : "/api/nothing", undefined, {
        "x-forwarded-for": "10.5.0.1",
      });
    const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => ask(i)));
    const statuses = answers.map(({ status }) => status);
    for (const [status, count] of [
      [404, 10],
      [405, 10],
      [429, 4],
    ])
      expect([status, statuses.filter((one) => one === status).length]).toEqual([status, count]);
  });

  test("leaves health, keys and pages alone", async () => {
    for (const path of ["/health/live", "/health/ready", "/.well-known/jwks.json", "/index.html"]) {
      const answers = await Promise.all(Array.from({ length: 25 }, () => from(hub.guest, path, "10.4.0.1")));
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    }
  });
});

describe("the limit of failed logins", () => {
  beforeAll(async () => {
    hub = await startHub({ LOGIN_RATE_LIMIT: "5", TRUST_PROXY: "on" });
  });
  afterAll(stop);

  const login = (email: string, password: string, address: string) =>
    hub.guest.post("/api/auth/login", { email, password }, { "x-forwarded-for": address });
  const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status);

  test("counts for the account, from whatever address, in whatever case", async () => {
    const { email, password } = await signUp(hub.guest);
    for (let i = 0; i < 5; i++)
      expect((await login(i % 2 ? email.toUpperCase() : email, "wrong one", `10.5.0.${i}`)).status).toBe(401);
    const refused = await login(email, password, "10.5.0.9");
    expect([refused.status, refused.body.code]).toEqual([429, "TOO_MANY_REQUESTS"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(60);
  });

  test("counts for the address, for whatever account", async () => {
    const { email, password } = await signUp(hub.guest);
    for (let i = 0; i < 5; i++) await login(`nobody-${i}@people.test`, "wrong one", "10.6.0.1");
    expect((await login(email, password, "10.6.0.1")).status).toBe(429);
    expect((await login(email, password, "10.6.0.2")).status).toBe(200);
  });

  test("holds when many guesses come at once", async () => {
    const { email } = await signUp(hub.guest);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => login(email, "wrong one", `10.7.0.${i}`)),
    );
    expect(statuses(answers).filter((status) => status === 401).length).toBeLessThanOrEqual(5);
    expect(statuses(answers).filter((status) => status === 429).length).toBeGreaterThanOrEqual(25);
  });

  test("does not count logins that were right", async () => {
    const { email, password } = await signUp(hub.guest);
    const answers = [];
    for (let i = 0; i < 8; i++) answers.push(await login(email, password, "10.8.0.1"));
    expect(new Set(statuses(answers))).toEqual(new Set([200]));
  });

  test("does not count bodies that are no login", async () => {
    const { email, password } = await signUp(hub.guest);
    for (let i = 0; i < 8; i++)
      await hub.guest.post("/api/auth/login", { email, password: 7 }, { "x-forwarded-for": "10.9.0.1" });
    expect((await login(email, password, "10.9.0.1")).status).toBe(200);
  });
});

describe("without a trusted proxy", () => {
  beforeAll(async () => {
    hub = await startHub({ RATE_LIMIT: "20" });
  });
  afterAll(stop);

  test("nobody gets a fresh limit by an X-Forwarded-For of their own", async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => from(hub.guest, "/api/plans", `10.9.1.${i}`)),
    );
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(10);
  });
});
