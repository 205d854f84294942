import { countedOnce } from "../../../mixins/counted-once";

describe("numbers over a whole store", () => {
  let now = 0;
  beforeEach(() => {
    now = 1_000;
    jest.spyOn(performance, "now").mockImplementation(() => now);
  });
  afterEach(() => jest.restoreAllMocks());

  /** A store that takes so long (ms) to count. */
  const counting = (ms: number) => jest.fn(async () => (now += ms));

  test("are those of now as long as they are counted quickly", async () => {
    const count = counting(100);
    const numbers = countedOnce(count);
    expect([await numbers(), await numbers()]).toEqual([1_100, 1_200]);
  });

  test("that take longer are counted again after twenty times as long, and no sooner", async () => {
    const count = counting(101);
    const numbers = countedOnce(count);
    await numbers();
    now = 1_000 + 20 * 101 - 1;
    await numbers();
    expect(count).toHaveBeenCalledTimes(1);
    now = 1_000 + 20 * 101;
    const both = [numbers(), numbers()];
    expect(new Set(await Promise.all(both)).size).toBe(1);
    expect(count).toHaveBeenCalledTimes(2);
  });

  test("that could not be counted are counted again at once", async () => {
    const count = counting(101);
    const numbers = countedOnce(count);
    await numbers();
    now += 10_000;
    count.mockRejectedValueOnce(new Error("away"));
    await expect(numbers()).rejects.toThrow("away");
    await numbers();
    expect(count).toHaveBeenCalledTimes(3);
  });
});
