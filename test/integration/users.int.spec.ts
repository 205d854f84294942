import type { EventView, OrderView, UserView } from "../support/client";
import { ADMIN } from "../support/environment";
import { startHub, type TestHub } from "../support/hub";
import { newPlan, placed, stockOf, VISA } from "../support/orders";
import { signIn, signUp, type Person } from "../support/people";
import { connectSocket } from "../support/socket";
import { waitFor } from "../support/wait";

let hub: TestHub;

beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub?.stop());

const setRole = (id: string, role: string) =>
  hub.admin.patch<UserView & { code: string }>(`/api/admin/users/${id}`, { role });

async function promoted(): Promise<Person> {
  const person = await signUp(hub.guest);
  expect((await setRole(person.id, "admin")).body.role).toBe("admin");
  return signIn(hub.guest, person);
}

describe("roles", () => {
  test("an administrator who is demoted loses tokens and sockets", async () => {
    const person = await promoted();
    expect((await person.client.get("/api/admin/users")).status).toBe(200);
    const socket = await connectSocket(hub.url, { token: person.session.accessToken });
    const { status, body } = await setRole(person.id, "user");
    expect([status, body.role]).toEqual([200, "user"]);
    await waitFor(() => socket.ended);
    expect(socket.closing).toEqual([{ code: "TOKEN_REVOKED" }]);
    const refused = await person.client.get("/api/auth/me");
    expect([refused.status, refused.body.code]).toEqual([401, "TOKEN_REVOKED"]);
    const { refreshToken } = person.session;
    expect((await hub.guest.post("/api/auth/refresh", { refreshToken })).status).toBe(401);
    expect((await connectSocket(hub.url, { token: person.session.accessToken })).refused).toBe(
      "TOKEN_INVALID",
    );
    // And comes back as a user.
    const again = await signIn(hub.guest, person);
    expect((await again.client.get("/api/admin/users")).status).toBe(403);
  });

  test("an administrator who is demoted loses tokens, although nobody heard of it at once", async () => {
    const person = await promoted();
    const lost = jest.spyOn(hub.broker, "broadcast").mockResolvedValue(undefined);
    expect((await setRole(person.id, "user")).status).toBe(200);
    const again = await setRole(person.id, "user");
    lost.mockRestore();
    expect(again.status).toBe(200);
    await waitFor(async () => (await person.client.get("/api/auth/me")).status === 401, { timeout: 5_000 });
    const { refreshToken } = person.session;
    expect((await hub.guest.post("/api/auth/refresh", { refreshToken })).body).toMatchObject({
      code: "TOKEN_REVOKED",
    });
  });

  test("a change tells of it by id alone", async () => {
    const person = await promoted();
    const events = await waitFor(async () => {
      const found = await hub.admin.all<EventView>(`/api/admin/audit?key=${person.id}`);
      return found.some(({ eventType }) => eventType === "UserRoleChanged") && found;
    });
    expect(JSON.stringify(events)).not.toContain(person.email);
    await setRole(person.id, "user");
  });

  test("the last administrator can be neither demoted nor deleted", async () => {
    const me = (await hub.admin.get<UserView>("/api/auth/me")).body.id;
    for (const answer of [await setRole(me, "user"), await hub.admin.delete(`/api/admin/users/${me}`)])
      expect([answer.status, answer.body.code]).toEqual([409, "LAST_ADMIN"]);
    expect((await hub.admin.get("/api/admin/users")).status).toBe(200);
  });

  test("who is listed as an administrator and is none leaves the last one in office", async () => {
    const me = (await hub.admin.get<UserView>("/api/auth/me")).body.id;
    const { id } = await signUp(hub.guest);
    const rosters = hub.broker.hub.database.adapter<{ _id: string }>({ name: "rosters" });
    await rosters.updateEach([{ query: { _id: "admins" }, update: { $addToSet: { ids: id } } }]);
    for (const answer of [await setRole(me, "user"), await hub.admin.delete(`/api/admin/users/${me}`)])
      expect([answer.status, answer.body.code]).toEqual([409, "LAST_ADMIN"]);
    expect((await setRole(id, "user")).status).toBe(200);
    expect((await hub.admin.get("/api/admin/users")).status).toBe(200);
  });

  test("two administrators cannot demote each other at once", async () => {
    const other = await promoted();
    const me = (await hub.admin.get<UserView>("/api/auth/me")).body.id;
    const answers = await Promise.all([
      setRole(other.id, "user"),
      other.client.patch(`/api/admin/users/${me}`, { role: "user" }),
    ]);
    expect(answers.map(({ status }) => status).filter((status) => status === 200).length).toBeLessThanOrEqual(
      1,
    );
    // Whoever is left makes the others what they were.
    const left = await signIn(
      hub.guest,
      (await signIn(hub.guest, ADMIN)).session.user.role === "admin" ? ADMIN : other,
    );
    expect((await left.client.patch(`/api/admin/users/${me}`, { role: "admin" })).status).toBe(200);
    hub.admin = (await signIn(hub.guest, ADMIN)).client;
    await setRole(other.id, "user");
  });

  test("take no others, and nobody who is not there", async () => {
    const { id } = await signUp(hub.guest);
    expect((await setRole(id, "root")).status).toBe(400);
    expect((await setRole("nobody", "admin")).status).toBe(404);
    expect((await hub.admin.delete("/api/admin/users/nobody")).status).toBe(404);
  });
});

test("a user who is deleted loses tokens, sockets and personal data; the orders stay", async () => {
  const person = await signUp(hub.guest, { name: "Grace Hopper" });
  await person.client.put("/api/notifications/preferences", { sms: "+4915112345678" });
  const { id } = await placed(person.client);
  const socket = await connectSocket(hub.url, { token: person.session.accessToken });

  expect((await hub.admin.delete(`/api/admin/users/${person.id}`)).status).toBe(204);
  await waitFor(() => socket.ended);
  expect(socket.closing).toEqual([{ code: "TOKEN_REVOKED" }]);
  expect((await person.client.get("/api/orders")).body.code).toBe("TOKEN_REVOKED");
  const credentials = { email: person.email, password: person.password };
  expect((await hub.guest.post("/api/auth/login", credentials)).status).toBe(401);

  const { body: order } = await hub.admin.get<OrderView>(`/api/admin/orders/${id}`);
  expect(order).toMatchObject({ userId: person.id, status: "ACTIVE" });
  for (const list of ["users", "orders", "payments", "audit", "dead-letters"]) {
    const text = JSON.stringify(await hub.admin.all(`/api/admin/${list}`));
    for (const personal of [person.email, "Grace Hopper", "+4915112345678"])
      expect(text).not.toContain(personal);
  }
  expect((await hub.admin.delete(`/api/admin/users/${person.id}`)).status).toBe(404);
  // The address is free again, for somebody with no past.
  const next = await signUp(hub.guest, { email: person.email });
  expect(next.id).not.toBe(person.id);
  expect(await next.client.all("/api/orders")).toEqual([]);
  const preferences = await next.client.get<{ sms: string | null }>("/api/notifications/preferences");
  expect(preferences.body.sms).toBeNull();
});

describe("plans", () => {
  const body = (own: object) => ({
    id: "some-plan",
    name: "Some plan",
    price: { amount: 100, currency: "EUR" },
    interval: "month",
    seats: 3,
    ...own,
  });

  test("are made by an administrator and seen by everybody", async () => {
    const { status, body: plan, headers } = await hub.admin.post<object>("/api/admin/plans", body({}));
    expect([status, plan]).toEqual([201, body({})]);
    expect(headers.get("location")).toBe("/api/plans/some-plan");
    expect((await hub.guest.get("/api/plans/some-plan")).body).toMatchObject(body({}));
    const twice = await hub.admin.post("/api/admin/plans", body({}));
    expect([twice.status, twice.body.code]).toEqual([409, "PLAN_EXISTS"]);
    expect((await hub.guest.get("/api/plans/none")).status).toBe(404);
  });

  test.each(["plan_a", "Plan-A", "a.b", "7"])("may be named %s", async (id) => {
    const { status, headers } = await hub.admin.post("/api/admin/plans", body({ id }));
    expect([status, headers.get("location")]).toEqual([201, `/api/plans/${id}`]);
    const { client } = await signUp(hub.guest);
    await placed(client, { ...VISA, planId: id });
    expect((await hub.guest.get(`/api/plans/${id}`)).body).toMatchObject(body({ id }));
  });

  test.each<[object, string]>([
    [{ id: "Has Blanks" }, "/id"],
    [{ id: "a/b" }, "/id"],
    [{ id: ".." }, "/id"],
    [{ id: "a".repeat(64) }, "/id"],
    [{ name: "" }, "/name"],
    [{ price: { amount: -1, currency: "EUR" } }, "/price/amount"],
    [{ price: { amount: 1.5, currency: "EUR" } }, "/price/amount"],
    [{ price: { amount: 1, currency: "euro" } }, "/price/currency"],
    [{ price: 100 }, "/price"],
    [{ interval: "week" }, "/interval"],
    [{ seats: -1 }, "/seats"],
    [{ seats: "many" }, "/seats"],
    [{ owner: "me" }, "/owner"],
  ])("take no %j", async (own, pointer) => {
    const { status, body: problem } = await hub.admin.post("/api/admin/plans", body({ id: "wrong", ...own }));
    expect(status).toBe(400);
    expect(problem.errors.map((e) => e.pointer)).toContain(pointer);
  });

  test("change by parts; nothing at all, or nobody's plan, is refused", async () => {
    const planId = await newPlan(hub.admin, { seats: 2 });
    const { body: plan } = await hub.admin.patch<{ name: string }>(`/api/admin/plans/${planId}`, {
      name: "New",
    });
    expect(plan.name).toBe("New");
    expect((await hub.admin.patch(`/api/admin/plans/${planId}`, {})).status).toBe(400);
    expect((await hub.admin.patch(`/api/admin/plans/${planId}`, { id: "other" })).status).toBe(400);
    expect((await hub.admin.patch("/api/admin/plans/none", { name: "x" })).status).toBe(404);
  });

  test("keep the seats that are reserved", async () => {
    const { client } = await signUp(hub.guest);
    const planId = await newPlan(hub.admin, { seats: 5 });
    await placed(client, { ...VISA, planId, quantity: 3 });
    const small = await hub.admin.patch(`/api/admin/plans/${planId}`, { seats: 2, name: "Small" });
    expect([small.status, small.body.code]).toEqual([409, "SEATS_IN_USE"]);
    expect((await hub.guest.get<{ seats: number; name: string }>(`/api/plans/${planId}`)).body).toMatchObject(
      { seats: 5, name: planId },
    );
    expect((await hub.admin.patch(`/api/admin/plans/${planId}`, { seats: 3 })).status).toBe(200);
    expect(await stockOf(hub.admin, planId)).toEqual({ planId, seats: 3, available: 0, reserved: 3 });
    expect((await hub.admin.patch(`/api/admin/plans/${planId}`, { seats: null })).status).toBe(200);
    expect(await stockOf(hub.admin, planId)).toEqual({ planId, seats: null, available: null, reserved: 3 });
  });
});

describe("notification preferences", () => {
  test("are kept, and replaced as a whole", async () => {
    const { client } = await signUp(hub.guest);
    const path = "/api/notifications/preferences";
    const none = { email: null, sms: null, push: null, webhook: null };
    expect((await client.get(path)).body).toMatchObject(none);
    await client.put(path, { email: "me@people.test", webhook: "https://example.com/hook" });
    expect((await client.get(path)).body).toMatchObject({
      ...none,
      email: "me@people.test",
      webhook: "https://example.com/hook",
    });
    await client.put(path, { sms: "+491511234567" });
    expect((await client.get(path)).body).toMatchObject({ ...none, sms: "+491511234567" });
  });

  test.each([
    { email: "nobody" },
    { sms: "call me" },
    { webhook: "not a url" },
    { webhook: "javascript:alert(1)" },
    { webhook: "ftp://example.com/hook" },
    { webhook: "file:///etc/passwd" },
    { webhook: "http://" },
    { pigeon: "coo" },
  ])("take no %j", async (wrong) => {
    const { client } = await signUp(hub.guest);
    const { status, body } = await client.put("/api/notifications/preferences", wrong);
    expect(status).toBe(400);
    expect(body.errors.map(({ pointer }) => pointer)).toContain(`/${Object.keys(wrong)[0]}`);
  });
});
