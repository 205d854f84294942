import { BehindFailedError, runBatch } from "../../../channels/run-batch";
import type { Outcome } from "../../../channels/types";

const DELIVERIES = [1, 2, 3].map(() => ({ channel: "c", group: "g", key: "k", headers: {}, attempt: 1 }));

describe.each([
  ["at once", (outcome: Error | null): Outcome => outcome],
  ["as promises", (outcome: Error | null): Outcome => Promise.resolve(outcome)],
])("outcomes that are given %s", (_, give) => {
  test("given the first and the third of a key failed, then the third waits behind the first", async () => {
    const outcomes = [new Error("first"), null, new Error("third")];
    const chan = { batch: 10, handler: async () => outcomes.map(give) };
    const settled = await Promise.all(await runBatch(chan, [1, 2, 3], DELIVERIES, { ordered: true }));
    expect(settled).toEqual([outcomes[0], null, new BehindFailedError()]);
  });
});
