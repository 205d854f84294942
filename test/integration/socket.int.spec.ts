import type { NotificationView } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { placed, VISA } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { connectSocket, type TestSocket } from "../support/socket";
import { waitFor } from "../support/wait";

let hub: TestHub;
const open: TestSocket[] = [];

beforeAll(async () => {
  hub = await startHub();
});
afterEach(() => open.splice(0).forEach((socket) => socket.close()));
afterAll(() => hub?.stop());

async function connect(person: Person, own: { after?: unknown } = {}): Promise<TestSocket> {
  const socket = await connectSocket(hub.url, { token: person.session.accessToken, ...own });
  open.push(socket);
  return socket;
}

const toldTo = (person: Person) => person.client.all<NotificationView>("/api/notifications");

/** Places orders, and waits for the two notifications of each. */
async function buy(person: Person, orders = 1): Promise<void> {
  const before = (await toldTo(person)).length;
  for (let i = 0; i < orders; i++) await placed(person.client);
  await waitFor(async () => (await toldTo(person)).length === before + 2 * orders);
}

test.each([
  ["no token", {}, "TOKEN_MISSING"],
  ["an empty token", { token: "" }, "TOKEN_MISSING"],
  ["a token that is none", { token: "nonsense" }, "TOKEN_INVALID"],
  ["a token that is no text", { token: { $ne: null } }, "TOKEN_INVALID"],
  ["a token that is a number", { token: 0 }, "TOKEN_INVALID"],
  ["a token that is null", { token: null }, "TOKEN_MISSING"],
])("a connection with %s is refused", async (_what, auth, code) => {
  const socket = await connectSocket(hub.url, auth);
  expect(socket.refused).toBe(code);
});

test("a user is told at once, in the order of the list, and nobody else is", async () => {
  const [one, two] = [await signUp(hub.guest), await signUp(hub.guest)];
  const [first, second, other] = [await connect(one), await connect(one), await connect(two)];
  await buy(one, 2);
  const list = (await toldTo(one)).map(({ read: _read, ...rest }) => rest);
  await waitFor(() => first.told.length === 4 && second.told.length === 4);
  expect(first.told).toEqual(list);
  expect(second.told).toEqual(list);
  expect(other.told).toEqual([]);
});

test("a user is told in the order of the list, also when a batch takes longer to store than the next", async () => {
  const person = await signUp(hub.guest);
  const socket = await connect(person);
  const { adapter } = hub.broker.getLocalService("notifications") as unknown as {
    adapter: { insertEach(docs: object[]): Promise<boolean[]> };
  };
  const insertEach = adapter.insertEach.bind(adapter);
  let stored = 0;
  let begun = 0;
  const slow = jest.spyOn(adapter, "insertEach").mockImplementation(async (docs) => {
    // The first waits for another; where batches go one after the other there is none to wait for.
    if (++begun === 1) await waitFor(() => stored > 0, { timeout: 2_000 }).catch(() => undefined);
    const done = await insertEach(docs);
    stored++;
    return done;
  });
  try {
    await buy(person, 1);
    await waitFor(() => socket.told.length === 2);
    expect(socket.told.map(({ id }) => id)).toEqual((await toldTo(person)).map(({ id }) => id));
  } finally {
    slow.mockRestore();
  }
});

test("without `after` nothing of the past is told", async () => {
  const person = await signUp(hub.guest);
  await buy(person);
  const socket = await connect(person);
  await buy(person);
  await waitFor(() => socket.told.length >= 2);
  expect(socket.told.map(({ id }) => id)).toEqual((await toldTo(person)).slice(2).map(({ id }) => id));
});

test("with `after` what was missed comes first, in order and once, then what is new", async () => {
  const person = await signUp(hub.guest);
  await buy(person, 3);
  const missed = await toldTo(person);
  const after = missed[1]?.id;
  // It connects while new ones come in.
  const buying = buy(person, 5);
  const socket = await connect(person, { after });
  await buying;
  const all = await toldTo(person);
  await waitFor(() => socket.told.length >= all.length - 2);
  expect(socket.told.map(({ id }) => id)).toEqual(all.slice(2).map(({ id }) => id));
});

test("what comes while the missed ones are looked up is told after them", async () => {
  const person = await signUp(hub.guest);
  await buy(person);
  const after = (await toldTo(person)).at(-1)?.id;
  let goOn = () => {};
  const held = new Promise<void>((resolve) => (goOn = resolve));
  let lookedUp = false;
  const call = hub.broker.call.bind(hub.broker) as (...args: unknown[]) => Promise<unknown>;
  const slow = (...args: unknown[]) => {
    if (args[0] !== "notifications.since") return call(...args);
    return call(...args).then(async (missed) => {
      lookedUp = true;
      await held;
      return missed;
    });
  };
  const calls = jest.spyOn(hub.broker, "call").mockImplementation(slow as typeof hub.broker.call);
  const broadcasts = jest.spyOn(hub.broker, "broadcast");
  const told = () =>
    broadcasts.mock.calls.flatMap(([event, of]: unknown[]) =>
      event === "notifications.told" ? (of as object[]) : [],
    );

  const connecting = connect(person, { after });
  await waitFor(() => lookedUp);
  await buy(person);
  await waitFor(() => told().length === 2);
  goOn();
  const socket = await connecting;

  await waitFor(() => socket.told.length === 2);
  expect(socket.told.map(({ id }) => id)).toEqual((await toldTo(person)).slice(2).map(({ id }) => id));
  calls.mockRestore();
  broadcasts.mockRestore();
});

test.each([["nonsense"], [7], [{ $gt: "" }], [""]])("an `after` of %j is refused", async (after) => {
  const person = await signUp(hub.guest);
  expect((await connect(person, { after })).refused).toBe("BAD_CURSOR");
});

test("an `after` of another user is refused", async () => {
  const [one, two] = [await signUp(hub.guest), await signUp(hub.guest)];
  await buy(one);
  const [theirs] = await toldTo(one);
  expect((await connect(two, { after: theirs?.id })).refused).toBe("BAD_CURSOR");
});

test("what a client sends is ignored", async () => {
  const [one, two] = [await signUp(hub.guest), await signUp(hub.guest)];
  const [loud, quiet] = [await connect(one), await connect(two)];
  for (const event of ["notification", "join", "closing", "disconnecting", "notifications.told"]) {
    if (event === "disconnecting") continue;
    loud.socket.emit(event, { room: `user:${two.id}`, userId: two.id });
  }
  await buy(one);
  await waitFor(() => loud.told.length === 2);
  expect(quiet.told).toEqual([]);
  expect(loud.socket.connected && quiet.socket.connected).toBe(true);
});

test("signing out ends the sockets of that session", async () => {
  const person = await signUp(hub.guest);
  const socket = await connect(person);
  await hub.guest.post("/api/auth/logout", { refreshToken: person.session.refreshToken });
  await waitFor(() => socket.ended);
  expect(socket.closing).toEqual([{ code: "TOKEN_REVOKED" }]);
});

test("a token in a list is none", async () => {
  const { session } = await signUp(hub.guest);
  const socket = await connectSocket(hub.url, { token: [session.accessToken] });
  expect(socket.refused).toBe("TOKEN_INVALID");
});

test("a payment that fails is told, too", async () => {
  const person = await signUp(hub.guest);
  const socket = await connect(person);
  const { id } = await placed(person.client, { ...VISA, paymentMethod: "pm_card_chargeDeclined" });
  await waitFor(() => socket.told.length === 1);
  expect(socket.told).toMatchObject([{ type: "PaymentFailed", orderId: id }]);
});
