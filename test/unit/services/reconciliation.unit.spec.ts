import type { BookEntry, Payment } from "../../../domain/payment";
import { reconciler } from "../../../services/payments/reconciliation";
import type { FindOptions } from "../../../store/types";

const PAGE = 1_000;
const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i).padStart(6, "0"));
const entries = (count: number, status: string, amount = 100): BookEntry[] =>
  ids(count).map((orderId) => ({ orderId, status, amount }));

/** Books and a ledger that answer at once, as the embedded store does; `onPage` is told of each page. */
function sources(books: BookEntry[], ledger: BookEntry[], onPage: () => void = () => undefined) {
  const payments = {
    find: jest.fn(async ({ query = {}, limit = 0 }: FindOptions = {}) => {
      onPage();
      const { $gt, $in } = query._id as { $gt?: string; $in?: string[] };
      return books
        .filter(({ orderId }) => ($in ? $in.includes(orderId) : orderId > ($gt ?? "")))
        .slice(0, limit)
        .map(({ orderId: _id, ...rest }) => ({ _id, ...rest })) as unknown as Payment[];
    }),
  };
  const provider = {
    // The newest first, as a provider may do it.
    async *ledger() {
      for (let end = ledger.length; end > 0; end -= PAGE) {
        onPage();
        yield ledger.slice(Math.max(0, end - PAGE), end);
      }
    },
    entries: async (keys: string[]) => ledger.filter(({ orderId }) => keys.includes(orderId)),
  };
  return { payments, provider };
}

test("books and ledger that agree have no mismatch, in whatever order the ledger comes", async () => {
  const books = [...entries(2_500, "succeeded"), { orderId: "r", status: "refunded", amount: 5 }];
  const { payments, provider } = sources(books, [books[2_500] as BookEntry, ...books.slice(0, 2_500)]);
  expect(await reconciler(payments, provider)()).toEqual({ charges: 2_501, refunds: 1, mismatches: [] });
});

test("others have their turn between any two pages, though the store answers at once", async () => {
  let turns = 0;
  let going = true;
  const turn = (): void => {
    turns++;
    if (going) setImmediate(turn);
  };
  const at: number[] = [];
  const books = entries(3 * PAGE, "succeeded");
  const { payments, provider } = sources(books, books, () => at.push(turns));
  setImmediate(turn);
  await reconciler(payments, provider)();
  going = false;
  expect(at.length).toBeGreaterThanOrEqual(6);
  expect(new Set(at).size).toBe(at.length);
});

test("who asks while a run goes on gets that one, and who asks later gets a new one", async () => {
  const { payments, provider } = sources(entries(1, "succeeded"), entries(1, "succeeded"));
  const reconciled = reconciler(payments, provider);
  const [one, other] = await Promise.all([reconciled(), reconciled()]);
  expect(other).toBe(one);
  expect(payments.find).toHaveBeenCalledTimes(1);
  expect(await reconciled()).not.toBe(one);
});

test("a run that fails is not kept", async () => {
  const { payments, provider } = sources([], []);
  const reconciled = reconciler(payments, provider);
  payments.find.mockRejectedValueOnce(new Error("away"));
  await expect(reconciled()).rejects.toThrow("away");
  expect(await reconciled()).toMatchObject({ mismatches: [] });
});

test("of more mismatches than a page holds each is told as it is", async () => {
  const { payments, provider } = sources(
    [...entries(1_500, "succeeded"), { orderId: "ours", status: "succeeded", amount: 1 }],
    [...entries(1_500, "refunded"), { orderId: "theirs", status: "succeeded", amount: 2 }],
  );
  const { mismatches } = await reconciler(payments, provider, 0)();
  const told = mismatches.map(({ orderId, expected, found }) => `${orderId}: ${expected}, ${found}`);
  expect(told.sort()).toEqual([
    ...ids(1_500).map((id) => `${id}: succeeded 100, refunded 100`),
    "ours: succeeded 1, nothing",
    "theirs: nothing, succeeded 2",
  ]);
});

test("what was under way when it was read is no mismatch", async () => {
  const books = entries(1, "succeeded");
  const ledger: BookEntry[] = [];
  const { payments, provider } = sources(books, ledger);
  payments.find.mockImplementationOnce(async () => {
    ledger.push(...books);
    return [];
  });
  expect((await reconciler(payments, provider, 0)()).mismatches).toEqual([]);
});
