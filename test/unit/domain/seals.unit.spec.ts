import fc from "fast-check";
import { digestOf, eventFlaws, GENESIS, sealed, sealFlaws, type Seal } from "../../../domain/seals";

const entry = (id: string, amount = 1) => ({ _id: id, position: 7, data: { amount, currency: "EUR" } });
const ENTRIES = ["a", "b", "c"].map((id) => entry(id));
const leaves = (entries: { _id: string }[]) => entries.map((e) => ({ id: e._id, digest: digestOf(e) }));

function chain(...stretches: { _id: string }[][]): Seal[] {
  const seals: Seal[] = [];
  for (const entries of stretches) {
    const last = seals.at(-1);
    const number = (last?.number ?? 0) + 1;
    seals.push(
      sealed({
        number,
        day: "2026-01-15",
        after: last?.upTo ?? 0,
        upTo: number * 10,
        leaves: leaves(entries),
        late: [],
        previous: last?.hash ?? GENESIS,
      }),
    );
  }
  return seals;
}
const never = () => false;

describe("a digest", () => {
  test("does not depend on the order of the fields", () => {
    const { data, ...rest } = entry("a");
    expect(digestOf({ data: { currency: data.currency, amount: data.amount }, ...rest })).toBe(
      digestOf(entry("a")),
    );
  });

  test("differs with any value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        fc.pre(!same && typeof a !== "object" && typeof b !== "object");
        expect(digestOf({ data: a })).not.toBe(digestOf({ data: b }));
      }),
    );
  });
});

describe("the events of a seal", () => {
  const [seal] = chain(ENTRIES) as [Seal];

  test("are as they were: no flaw, in any order", () => {
    expect(eventFlaws(seal, [...ENTRIES].reverse(), never)).toEqual([]);
  });

  test("one that was changed is named", () => {
    const found = eventFlaws(seal, [entry("a"), entry("b", 2), entry("c")], never);
    expect(found).toMatchObject([{ kind: "changed", eventId: "b" }]);
  });

  test("one that is gone is named", () => {
    expect(eventFlaws(seal, [entry("a"), entry("c")], never)).toMatchObject([
      { kind: "removed", eventId: "b" },
    ]);
  });

  test("one that was slipped in is named, unless a later seal covers it", () => {
    const found = [...ENTRIES, entry("x")];
    expect(eventFlaws(seal, found, never)).toMatchObject([{ kind: "added", eventId: "x" }]);
    expect(eventFlaws(seal, found, (id) => id === "x")).toEqual([]);
  });
});

describe("the chain", () => {
  const [first, second, third] = chain([entry("a")], [entry("b")], [entry("c")]) as [Seal, Seal, Seal];

  test("holds from the first seal on", () => {
    expect(sealFlaws(first, null)).toEqual([]);
    expect(sealFlaws(second, first)).toEqual([]);
    expect(sealFlaws(third, second)).toEqual([]);
  });

  test("a seal that was changed does not have its hash; one made anew does not have the one before", () => {
    const changed: Seal = { ...second, leaves: leaves([entry("b", 2)]) };
    expect(sealFlaws(changed, first)).toMatchObject([
      { kind: "seal", detail: expect.stringContaining("changed") },
    ]);
    const anew = sealed(changed);
    expect(sealFlaws(anew, first)).toEqual([]);
    expect(sealFlaws(third, anew)).toMatchObject([{ kind: "seal" }]);
  });

  test("a seal that is gone is missed", () => {
    expect(sealFlaws(third, first)).toMatchObject([{ detail: expect.stringContaining("seal 2 is missing") }]);
    expect(sealFlaws(second, null)).toMatchObject([{ detail: expect.stringContaining("seal 1 is missing") }]);
  });

  test("events that came in late are part of it", () => {
    const late = sealed({ ...third, late: leaves([entry("x")]) });
    expect(sealFlaws(late, second)).toEqual([]);
    expect(sealFlaws({ ...late, late: leaves([entry("x", 2)]) }, second)).toHaveLength(1);
  });
});
