import { randomUUID } from "node:crypto";
import type { Seal } from "../../domain/seals";
import type { Entry } from "../../services/audit/event-log";
import type { SealCheck, Verification } from "../../services/audit/seals";
import { startHub, type TestHub } from "../support/hub";
import { isQuiet, placed } from "../support/orders";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

const DAY_MS = 86_400_000;

let hub: TestHub;

beforeAll(async () => {
  hub = await startHub();
  const { client } = await signUp(hub.guest);
  await Promise.all(Array.from({ length: 5 }, () => placed(client)));
  // An event that comes later would be of another day, once a test has made these yesterday's.
  await waitFor(() => isQuiet(hub.admin));
  await seal();
});
afterAll(() => hub?.stop());

const collection = <D extends { _id: string }>(name: string) => hub.broker.hub.database.adapter<D>({ name });
const events = () => collection<Entry>("audit");
const seals = () => collection<Seal & { _id: string }>("seals");

/** Seals everything that there is, without the wait. */
async function seal(): Promise<void> {
  await waitFor(async () => {
    await hub.broker.call("audit.seal", { ageMs: -1 });
    return (await verify()).unsealed === 0;
  });
}

async function verify(): Promise<{ checks: SealCheck[]; unsealed: number }> {
  const checks: SealCheck[] = [];
  for (let after: string | null = ""; after !== null;) {
    const { body }: { body: Verification } = await hub.admin.get<Verification>(
      `/api/admin/audit/verification?limit=1${after && `&after=${after}`}`,
    );
    checks.push(...body.items);
    after = body.next;
    if (after === null) return { checks, unsealed: body.unsealed };
  }
  throw new Error("The last page has no next.");
}

const flaws = async () => (await verify()).checks.flatMap((check) => check.flaws);

/** Some event that is sealed. */
async function someEvent(): Promise<Entry> {
  const [entry] = await events().find({ query: { eventType: "PaymentProcessed" }, limit: 1 });
  return entry as Entry;
}

test("an event store that nobody touched is as it was sealed", async () => {
  const { checks } = await verify();
  expect(checks.length).toBeGreaterThan(0);
  expect(checks.flatMap((check) => check.flaws)).toEqual([]);
  expect(checks.every(({ ok, hash }) => ok && /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  await waitFor(async () => {
    const now = await verify();
    return (
      now.unsealed + now.checks.reduce((sum, check) => sum + check.events, 0) === (await events().count())
    );
  });
});

test("an event that was changed is named", async () => {
  const entry = await someEvent();
  await events().updateById(entry._id, { $set: { "data.amount": 1 } });
  try {
    expect(await flaws()).toMatchObject([{ kind: "changed", eventId: entry._id }]);
  } finally {
    await events().removeById(entry._id);
    await events().insert(entry);
  }
  expect(await flaws()).toEqual([]);
});

test("an event that is missing is named, and so is one that was slipped in", async () => {
  const entry = await someEvent();
  const forged = { ...entry, _id: randomUUID() };
  await events().removeById(entry._id);
  await events().insert(forged);
  try {
    expect(await flaws()).toMatchObject([
      { kind: "removed", eventId: entry._id },
      { kind: "added", eventId: forged._id },
    ]);
  } finally {
    await events().removeById(forged._id);
    await events().insert(entry);
  }
  expect(await flaws()).toEqual([]);
});

test("a seal that was made to fit a changed event no longer fits the chain", async () => {
  const [first] = await seals().find({ sort: "_id", limit: 1 });
  const { _id, leaves } = first as Seal & { _id: string };
  await seals().updateById(_id, { $set: { leaves: leaves.slice(1) } });
  expect(await flaws()).toMatchObject([{ kind: "seal" }, { kind: "added", eventId: leaves[0]?.id }]);
  await seals().updateById(_id, { $set: { leaves } });
  expect(await flaws()).toEqual([]);
});

test("an event that comes in after its stretch was sealed is sealed when its day is over", async () => {
  const yesterday = (Date.now() - DAY_MS) * 1_000;
  const entry = await someEvent();
  // The events so far become yesterday's.
  await seals().clear();
  for (const { _id, position } of await events().find({ sort: "position" }))
    await events().updateById(_id, { $set: { position: position - DAY_MS * 1_000 } });
  await seal();
  const late = { ...entry, _id: randomUUID(), position: yesterday - 60_000_000 };
  await events().insert({ ...late, position: (await someEvent()).position });
  expect(await flaws()).toMatchObject([{ kind: "added", eventId: late._id }]);

  await signUp(hub.guest);
  await waitFor(
    async () => (await events().count({ query: { position: { $gt: yesterday + 60_000_000 } } })) > 0,
  );
  await seal();
  const { checks } = await verify();
  expect(checks.flatMap((check) => check.flaws)).toEqual([]);
  expect(checks.reduce((sum, check) => sum + check.late, 0)).toBe(1);
  await events().removeById(late._id);
  expect(await flaws()).toMatchObject([{ kind: "removed", eventId: late._id }]);
});

test("a bad cursor is refused, and it is for administrators", async () => {
  expect(await hub.admin.get("/api/admin/audit/verification?after=nope")).toMatchObject({
    status: 400,
    body: { code: "BAD_CURSOR" },
  });
  expect((await hub.guest.get("/api/admin/audit/verification")).status).toBe(401);
});
