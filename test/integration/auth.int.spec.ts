import { createPublicKey, verify, type JsonWebKey } from "node:crypto";
import type { Problem, Session, UserView } from "../support/client";
import { ADMIN } from "../support/environment";
import { startHub, type TestHub } from "../support/hub";
import { signIn, signUp } from "../support/people";

let hub: TestHub;

beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub?.stop());

const register = (body: unknown) => hub.guest.post<Session & Problem>("/api/auth/register", body);
const refresh = (refreshToken: string) =>
  hub.guest.post<Session & Problem>("/api/auth/refresh", { refreshToken });
const me = (token: string) => hub.guest.as(token).get<UserView & Problem>("/api/auth/me");

describe("registering", () => {
  test("gives the user, an access token that works and a refresh token", async () => {
    const { status, body } = await register({ email: "Ada@Example.com", password: "12345678", name: "Ada" });
    expect(status).toBe(201);
    expect(body.user).toEqual({
      id: expect.any(String),
      email: "ada@example.com",
      name: "Ada",
      role: "user",
      createdAt: expect.any(String),
    });
    expect(body.expiresIn).toBe(900);
    expect((await me(body.accessToken)).body).toEqual(body.user);
  });

  test("with an address that is taken, in whatever case, is a 409", async () => {
    const { email } = await signUp(hub.guest);
    const { status, body } = await register({ email: email.toUpperCase(), password: "12345678" });
    expect([status, body.code]).toEqual([409, "EMAIL_TAKEN"]);
  });

  test("twice at once makes one account", async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => register({ email: "twice@example.com", password: "12345678" })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  test.each([
    ["no address", { password: "12345678" }, "/email"],
    ["a bad address", { email: "nobody", password: "12345678" }, "/email"],
    ["a short password", { email: "a@b.test", password: "1234567" }, "/password"],
    ["a long password", { email: "a@b.test", password: "x".repeat(129) }, "/password"],
    ["a role", { email: "a@b.test", password: "12345678", role: "admin" }, "/role"],
    ["an operator for a string", { email: { $ne: null }, password: "12345678" }, "/email"],
    ["a number for a name", { email: "a@b.test", password: "12345678", name: 7 }, "/name"],
  ])("with %s is a 400 that names the field", async (_what, body, pointer) => {
    const answer = await register(body);
    expect([answer.status, answer.body.code]).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.errors.map((e) => e.pointer)).toContain(pointer);
  });
});

describe("signing in", () => {
  test("takes the address in any case", async () => {
    const person = await signUp(hub.guest);
    const again = await signIn(hub.guest, { ...person, email: person.email.toUpperCase() });
    expect(again.id).toBe(person.id);
  });

  test("tells nobody whether it was the address or the password", async () => {
    const { email } = await signUp(hub.guest);
    const wrong = await hub.guest.post("/api/auth/login", { email, password: "wrong password" });
    const nobody = await hub.guest.post("/api/auth/login", { email: "no@body.test", password: "wrong" });
    expect([wrong.status, wrong.body.code]).toEqual([401, "INVALID_CREDENTIALS"]);
    expect(nobody.body).toEqual(wrong.body);
  });

  test("with operators in place of strings is a 400", async () => {
    const body = { email: ADMIN.email, password: { $gt: "" } };
    expect((await hub.guest.post("/api/auth/login", body)).status).toBe(400);
  });
});

describe("a refresh token", () => {
  test("gives new tokens, once", async () => {
    const { session } = await signUp(hub.guest);
    const { status, body } = await refresh(session.refreshToken);
    expect(status).toBe(200);
    expect(body.refreshToken).not.toBe(session.refreshToken);
    expect((await me(body.accessToken)).status).toBe(200);
    expect((await refresh(body.refreshToken)).status).toBe(200);
  });

  test("that comes a second time ends its family: the thief's tokens and the owner's", async () => {
    const { session } = await signUp(hub.guest);
    const { body: next } = await refresh(session.refreshToken);
    const reuse = await refresh(session.refreshToken);
    expect([reuse.status, reuse.body.code]).toEqual([401, "TOKEN_REVOKED"]);
    expect((await refresh(next.refreshToken)).body.code).toBe("TOKEN_REVOKED");
    for (const token of [session.accessToken, next.accessToken])
      expect((await me(token)).body.code).toBe("TOKEN_REVOKED");
  });

  test("of one session leaves the user's others alone", async () => {
    const person = await signUp(hub.guest);
    const other = await signIn(hub.guest, person);
    await refresh(person.session.refreshToken);
    await refresh(person.session.refreshToken);
    expect((await me(other.session.accessToken)).status).toBe(200);
    expect((await refresh(other.session.refreshToken)).status).toBe(200);
  });

  test("that is made up for a session, or an access token in its place, is refused and ends nothing", async () => {
    const { session } = await signUp(hub.guest);
    const [head, body, signature = ""] = session.refreshToken.split(".");
    const forged = [head, body, signature.replace(/^./, (c) => (c === "A" ? "B" : "A"))].join(".");
    for (const token of [forged, session.accessToken]) {
      const refused = await refresh(token);
      expect([refused.status, refused.body.code]).toEqual([401, "TOKEN_INVALID"]);
      expect((await hub.guest.post("/api/auth/logout", { refreshToken: token })).status).toBe(204);
    }
    expect((await me(session.accessToken)).status).toBe(200);
    expect((await refresh(session.refreshToken)).status).toBe(200);
  });

  test("is no access token", async () => {
    const { session } = await signUp(hub.guest);
    expect((await me(session.refreshToken)).body.code).toBe("TOKEN_INVALID");
  });

  test.each(["", "x", "a.b", "🦊.🦊", `${"0".repeat(8)}-0000-7000-8000-000000000000.abc`])(
    "that is not one (%j) is refused",
    async (token) => {
      const { status, body } = await refresh(token);
      expect([400, 401]).toContain(status);
      expect(["VALIDATION_ERROR", "TOKEN_INVALID"]).toContain(body.code);
    },
  );
});

test("signing out ends that session's tokens and no other", async () => {
  const person = await signUp(hub.guest);
  const other = await signIn(hub.guest, person);
  const { refreshToken, accessToken } = person.session;
  expect((await hub.guest.post("/api/auth/logout", { refreshToken })).status).toBe(204);
  expect((await me(accessToken)).body.code).toBe("TOKEN_REVOKED");
  expect((await refresh(refreshToken)).status).toBe(401);
  expect((await me(other.session.accessToken)).status).toBe(200);
});

test("signing out with a refresh token that was used before ends the session as well", async () => {
  const { session } = await signUp(hub.guest);
  const { body: next } = await refresh(session.refreshToken);
  const { refreshToken } = session;
  expect((await hub.guest.post("/api/auth/logout", { refreshToken })).status).toBe(204);
  expect((await me(next.accessToken)).body.code).toBe("TOKEN_REVOKED");
  expect((await refresh(next.refreshToken)).body.code).toBe("TOKEN_REVOKED");
});

describe("an access token", () => {
  test("can be verified by others with the published key", async () => {
    const { session } = await signUp(hub.guest);
    const { status, body } = await hub.guest.get<{ keys: (JsonWebKey & { kid: string; alg: string })[] }>(
      "/.well-known/jwks.json",
    );
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toContain('"d"');
    const [head = "", claims = "", signature = ""] = session.accessToken.split(".");
    const { kid, alg } = JSON.parse(Buffer.from(head, "base64url").toString()) as Record<string, string>;
    const jwk = body.keys.find((key) => key.kid === kid);
    expect([alg, jwk?.alg]).toEqual(["ES256", "ES256"]);
    const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
    const signed = Buffer.from(`${head}.${claims}`);
    const form = { key, dsaEncoding: "ieee-p1363" as const };
    expect(verify("sha256", signed, form, Buffer.from(signature, "base64url"))).toBe(true);
  });

  const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

  test.each([
    ["nothing", undefined, "TOKEN_MISSING"],
    ["text", "nonsense", "TOKEN_INVALID"],
    ["no algorithm", `${b64({ alg: "none" })}.${b64({ sub: "x", role: "admin" })}.`, "TOKEN_INVALID"],
    ["another key", `${b64({ alg: "ES256", kid: "x" })}.${b64({ sub: "x" })}.AAAA`, "TOKEN_INVALID"],
  ])("that is %s is a 401", async (_what, token, code) => {
    const { status, body, headers } = await hub.guest.as(token).get("/api/orders");
    expect([status, body.code]).toEqual([401, code]);
    expect(headers.get("content-type")).toContain("application/problem+json");
  });

  test("with claims that were changed is a 401", async () => {
    const { session } = await signUp(hub.guest);
    const [head, claims = "", signature] = session.accessToken.split(".");
    const forged = { ...(JSON.parse(Buffer.from(claims, "base64url").toString()) as object), role: "admin" };
    const answer = await hub.guest.as(`${head}.${b64(forged)}.${signature}`).get("/api/admin/users");
    expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_INVALID"]);
  });

  test("outlives a restart, as do refresh tokens and what was revoked", async () => {
    const kept = await signUp(hub.guest);
    const gone = await signUp(hub.guest);
    await hub.guest.post("/api/auth/logout", { refreshToken: gone.session.refreshToken });
    await hub.restart();
    expect((await me(kept.session.accessToken)).status).toBe(200);
    expect((await refresh(kept.session.refreshToken)).status).toBe(200);
    const { body } = await me(gone.session.accessToken);
    expect(body.code).toBe("TOKEN_REVOKED");
  });
});
