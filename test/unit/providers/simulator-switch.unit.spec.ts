import { loadConfig } from "../../../config";
import { openProvider } from "../../../providers";
import type { Database } from "../../../store/types";

/** A store of one node whose reads of the switch are counted. */
function counted() {
  const findById = jest.fn(async () => null);
  const adapter = { findById, insertEach: async () => [true], updateEach: async () => [true] };
  return { findById, database: { kind: "sqlite", adapter: () => adapter } as unknown as Database };
}

test("given many charges that ask for the switch at once, then the store is asked once", async () => {
  const { findById, database } = counted();
  const provider = openProvider(loadConfig({}), database);
  const answers = await Promise.all(Array.from({ length: 50 }, () => provider.settings()));
  expect(new Set(answers.map(({ mode }) => mode))).toEqual(new Set(["normal"]));
  expect(findById).toHaveBeenCalledTimes(1);
});

test("given a look that failed, then the next charge looks again", async () => {
  const { findById, database } = counted();
  findById.mockRejectedValueOnce(new Error("gone"));
  const provider = openProvider(loadConfig({}), database);
  await expect(provider.settings()).rejects.toThrow("gone");
  expect((await provider.settings()).mode).toBe("normal");
});

test("given the switch was moved, then this node looks again at once", async () => {
  const { findById, database } = counted();
  const provider = openProvider(loadConfig({}), database);
  await provider.settings();
  await provider.set({ mode: "broken" });
  await provider.settings();
  expect(findById).toHaveBeenCalledTimes(2);
});
