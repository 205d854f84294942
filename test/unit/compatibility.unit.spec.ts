import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../config/paths";
import { currentSnapshot, incompatibilities, type Snapshot } from "../../contracts/compatibility";
import type { MessageEnvelope } from "../../contracts/envelope";
import { eventsMarkdown } from "../../contracts/markdown";
import { contractError } from "../../contracts/messages";
import { upcast, type Upcasters } from "../../contracts/upcasters";

interface Field {
  type?: string;
  anyOf?: { const: string; type: string }[];
}
interface Data {
  properties: Record<string, Field>;
  required: string[];
}

/** Today's contracts after `change` to the data of one of them. */
function changed(type: string, version: string, change: (data: Data) => void): Snapshot {
  const snapshot = currentSnapshot();
  const contract = snapshot[type];
  if (!contract) throw new Error(`no contract ${type}`);
  contract.version = version;
  change((contract.schema.properties as { data: Data }).data);
  return snapshot;
}
const problemsOf = (snapshot: Snapshot, upcasters?: Upcasters) =>
  incompatibilities(currentSnapshot(), snapshot, upcasters);

describe("The compatibility gate", () => {
  test("finds nothing wrong with the contracts of today", () => {
    const released = readFileSync(join(ROOT, "contracts/snapshots/v1.json"), "utf8");
    expect(incompatibilities(JSON.parse(released) as Snapshot, currentSnapshot())).toEqual([]);
  });

  test.each<[string, string, (data: Data) => void, string]>([
    ["a removed field", "OrderPlaced", (d) => delete d.properties.review, "/data/review: is gone"],
    [
      "a retyped field",
      "OrderRejected",
      (d) => (d.properties.score = { type: "string" }),
      "/data/score: type was",
    ],
    [
      "a narrowed enum",
      "OrderUpdated",
      (d) => d.properties.status?.anyOf?.pop(),
      '/data/status: "CANCELLED" is not allowed',
    ],
    [
      "a new required field",
      "payments.charge",
      (d) => {
        d.properties.country = { type: "string" };
        d.required.push("country");
      },
      "/data/country: is required now",
    ],
    ["a field that may be missing now", "OrderPlaced", (d) => d.required.pop(), "may be missing now"],
  ])("refuses %s under the same major", (_name, type, change, problem) => {
    expect(problemsOf(changed(type, "1.1", change))).toEqual([expect.stringContaining(problem)]);
  });

  test("refuses an event that is gone, and one that moved to another topic", () => {
    const { OrderPlaced, ...rest } = currentSnapshot();
    expect(problemsOf(rest)).toEqual([expect.stringContaining("OrderPlaced: is gone")]);
    const moved = { ...rest, OrderPlaced: { ...OrderPlaced, channel: "hub.other" } } as Snapshot;
    expect(problemsOf(moved)).toEqual([expect.stringContaining("is on hub.other")]);
  });

  test("takes a new optional field with a new minor, and asks for the minor", () => {
    const add = (d: Data) => (d.properties.note = { type: "string" });
    expect(problemsOf(changed("OrderPlaced", "1.1", add))).toEqual([]);
    expect(problemsOf(changed("OrderPlaced", "1.0", add))).toEqual([
      "OrderPlaced: changed without a new minor version (1.0)",
    ]);
  });

  test("takes a breaking change as a new major with an upcaster, and not without", () => {
    const next = changed("OrderPlaced", "2.0", (d) => delete d.properties.review);
    expect(problemsOf(next)).toEqual(["OrderPlaced: has no upcaster for version 1"]);
    expect(problemsOf(next, { "OrderPlaced@1": (old) => old })).toEqual([]);
  });
});

describe("Upcasters", () => {
  const upcasters: Upcasters = {
    "PlanPublished@0": (old) => {
      const { priceCents, ...data } = old.data as { priceCents: number };
      return { ...old, version: "1.0", data: { ...data, price: { amount: priceCents, currency: "EUR" } } };
    },
  };
  const old = JSON.parse(
    readFileSync(join(__dirname, "old-events/PlanPublished@0.json"), "utf8"),
  ) as MessageEnvelope;

  test("an old event that was kept as a file is read as today's", () => {
    expect(contractError(old)).not.toBeNull();
    expect(contractError(upcast(old, upcasters))).toBeNull();
  });

  test("what is new, or no envelope at all, stays as it is", () => {
    const now = { ...old, version: "1.0" };
    expect(upcast(now, upcasters)).toBe(now);
    expect(upcast("not an envelope", upcasters)).toBe("not an envelope");
    expect(upcast(null)).toBeNull();
  });

  test("an upcaster that does not raise the major is an error, not a loop", () => {
    expect(() => upcast(old, { "PlanPublished@0": (same) => same })).toThrow("does not raise the major");
  });
});

test("docs/events.md is what the contracts say", () => {
  expect(readFileSync(join(ROOT, "docs/events.md"), "utf8")).toBe(eventsMarkdown());
});
