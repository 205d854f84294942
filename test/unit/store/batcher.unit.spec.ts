import { Batcher } from "../../../store/mongo/batcher";

/** A batcher whose round trips are noted and answered when the test says so. */
function batcher(key?: (item: string) => string) {
  const trips: string[][] = [];
  const open: (() => void)[] = [];
  const run = async (items: string[]): Promise<string[]> => {
    trips.push(items);
    await new Promise<void>((resolve) => open.push(resolve));
    return items.map((item) => item.toUpperCase());
  };
  const answerNext = (): void => open.shift()?.();
  return { batcher: new Batcher<string, string>({ run, ...(key && { key }) }), trips, answerNext };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("what is asked for in one turn travels together, and each gets its own answers", async () => {
  const { batcher: reads, trips, answerNext } = batcher();
  const answers = Promise.all([reads.add(["a", "b"]), reads.add(["c"])]);
  await turn();
  answerNext();
  expect(await answers).toEqual([["A", "B"], ["C"]]);
  expect(trips).toEqual([["a", "b", "c"]]);
});

test("without a key the same item travels once and again in one batch: nobody waits for the other", async () => {
  const { batcher: reads, trips, answerNext } = batcher();
  const answers = Promise.all(Array.from({ length: 50 }, () => reads.add(["a"])));
  await turn();
  answerNext();
  expect(await answers).toHaveLength(50);
  expect(trips).toEqual([Array.from({ length: 50 }, () => "a")]);
});

test("items of one key keep their order, each in the batch after the one before", async () => {
  const { batcher: writes, trips, answerNext } = batcher((item) => item.slice(0, 1));
  const answers = writes.add(["a1", "a2", "b1"]);
  await turn();
  expect(trips).toEqual([["a1", "b1"]]);
  answerNext();
  await turn();
  expect(trips).toEqual([["a1", "b1"], ["a2"]]);
  answerNext();
  expect(await answers).toEqual(["A1", "A2", "B1"]);
});

test("a round trip that fails answers all of its items with the error", async () => {
  const failing = new Batcher<string, string>({ run: () => Promise.reject(new Error("gone")) });
  expect(await failing.add(["a", "b"])).toEqual([new Error("gone"), new Error("gone")]);
});
