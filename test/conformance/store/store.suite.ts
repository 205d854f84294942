import fc from "fast-check";
import { Query as MingoQuery } from "mingo";
import { DuplicateKeyError } from "../../../contracts/errors";
import type {
  CollectionOptions,
  Database,
  Document,
  Query,
  StoreAdapter,
  Update,
} from "../../../store/types";

interface Doc extends Document {
  [name: string]: unknown;
}

/**
 * What every store has to do. `open` gives a Database that the test may use until the suite's end; each
 * test takes a collection of its own.
 */
export function storeConformance(name: string, open: () => Promise<Database>): void {
  describe(`store: ${name}`, () => {
    let database: Database;
    let collections = 0;

    async function collection(options: Partial<CollectionOptions> = {}): Promise<StoreAdapter<Doc>> {
      const adapter = database.adapter<Doc>({ name: `test_${++collections}`, ...options });
      await adapter.connect();
      return adapter;
    }

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());

    it("answers a ping", async () => {
      expect(await database.ping()).toBe(true);
    });

    describe("inserts", () => {
      it("gives a stored document back, unicode and all", async () => {
        const store = await collection();
        const doc = {
          _id: "ü/1",
          text: 'naïve 🚀 \u0000 "quoted" \'; DROP TABLE',
          deep: { list: [1, { a: null }] },
        };
        await store.insert(doc);
        expect(await store.findById("ü/1")).toEqual(doc);
        expect(await store.findById("ü/2")).toBeNull();
      });

      it("keeps a large document whole", async () => {
        const store = await collection();
        const doc = { _id: "large", text: "é".repeat(1_000_000) };
        await store.insert(doc);
        expect(await store.findById("large")).toEqual(doc);
      });

      it("refuses a taken id and leaves the first document alone", async () => {
        const store = await collection();
        await store.insert({ _id: "a", n: 1 });
        await expect(store.insert({ _id: "a", n: 2 })).rejects.toThrow(DuplicateKeyError);
        await expect(store.insertMany([{ _id: "a", n: 3 }])).rejects.toThrow(DuplicateKeyError);
        expect(await store.findById("a")).toEqual({ _id: "a", n: 1 });
      });

      it("answers each document of a bulk on its own", async () => {
        const store = await collection();
        await store.insert({ _id: "b" });
        const answers = await store.insertEach([{ _id: "a" }, { _id: "b" }, { _id: "c" }, { _id: "a" }]);
        expect(answers).toEqual([true, false, true, false]);
        expect(await store.count()).toBe(3);
      });

      it("lets one of many concurrent writers of an id win", async () => {
        const store = await collection();
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, writer) => store.insertEach([{ _id: "a", writer }])),
        );
        expect(answers.flat().filter(Boolean)).toHaveLength(1);
        expect(await store.findById("a")).toEqual({ _id: "a", writer: answers.flat().indexOf(true) });
      });

      it("does not see what the caller changes afterwards", async () => {
        const store = await collection();
        const doc = { _id: "a", list: [1] };
        await store.insert(doc);
        doc.list.push(2);
        expect(await store.findById("a")).toEqual({ _id: "a", list: [1] });
      });
    });

    describe("unique and sparse indexes", () => {
      it("refuse a second document with the value and name the field", async () => {
        const store = await collection({ indexes: [{ fields: ["user.email"], unique: true }] });
        await store.insert({ _id: "a", user: { email: "x" } });
        const second = store.insert({ _id: "b", user: { email: "x" } });
        await expect(second).rejects.toThrow(DuplicateKeyError);
        await expect(second).rejects.toThrow(/user\.email/);
        expect(await store.insertEach([{ _id: "c", user: { email: "x" } }])).toEqual([false]);
      });

      it("take two values without the field as the same null, unless they are sparse", async () => {
        const dense = await collection({ indexes: [{ fields: ["key"], unique: true }] });
        const sparse = await collection({ indexes: [{ fields: ["key"], unique: true, sparse: true }] });
        expect(await dense.insertEach([{ _id: "a" }, { _id: "b" }])).toEqual([true, false]);
        expect(await sparse.insertEach([{ _id: "a" }, { _id: "b" }])).toEqual([true, true]);
      });

      it("span several fields, where a sparse one asks for the first", async () => {
        const store = await collection({
          indexes: [{ fields: ["key", "user"], unique: true, sparse: true }],
        });
        const docs = [
          { _id: "a", user: 1 },
          { _id: "b", user: 1 },
          { _id: "c", user: 1, key: "k" },
          { _id: "d", user: 2, key: "k" },
          { _id: "e", user: 1, key: "k" },
        ];
        expect(await store.insertEach(docs)).toEqual([true, true, true, true, false]);
      });

      it("hold for updates too", async () => {
        const store = await collection({ indexes: [{ fields: ["email"], unique: true }] });
        await store.insertMany([
          { _id: "a", email: "a" },
          { _id: "b", email: "b" },
        ]);
        await expect(store.updateById("b", { $set: { email: "a" } })).rejects.toThrow(DuplicateKeyError);
        expect(await store.findById("b")).toEqual({ _id: "b", email: "b" });
      });

      it("are built over the documents that are there already", async () => {
        const name = `test_late_${++collections}`;
        const before = await collection({ name });
        await before.insertMany([{ _id: "a", at: 2 }, { _id: "b", at: 1 }, { _id: "c" }]);
        const after = await collection({ name, indexes: [{ fields: ["at"], sparse: true }] });
        await before.insert({ _id: "d", at: 3 });
        const found = await after.find({ query: { at: { $exists: true } }, sort: "-at" });
        expect(found.map((doc) => doc._id)).toEqual(["d", "a", "b"]);
      });
    });

    describe("updates", () => {
      it("set, unset and count along dotted paths", async () => {
        const store = await collection({ indexes: [{ fields: ["out.dueAt"], sparse: true }] });
        await store.insert({ _id: "a", n: 1, gone: true, out: { dueAt: 5, by: "x" } });
        const update = {
          $set: { "new.deep.field": [1], text: "$gt" },
          $unset: { gone: "", "out.dueAt": "", "not.there": "" },
          $inc: { n: 2, "counts.first": 1 },
        };
        const expected = {
          _id: "a",
          n: 3,
          out: { by: "x" },
          new: { deep: { field: [1] } },
          text: "$gt",
          counts: { first: 1 },
        };
        expect(await store.updateById("a", update)).toEqual(expected);
        expect(await store.findById("a")).toEqual(expected);
        expect(await store.find({ query: { "out.dueAt": { $exists: true } } })).toEqual([]);
      });

      it("push to, pull from and add to lists", async () => {
        const store = await collection();
        await store.insert({
          _id: "a",
          list: [{ id: "1" }, { id: "2" }, { id: "3" }, { id: "4" }],
          tags: ["x", "y"],
        });
        const steps: Update[] = [
          { $push: { list: { id: "5" }, tags: { $each: ["z", "z"] } } },
          { $pull: { list: { id: "1" }, tags: "z" } },
          { $pull: { list: { id: { $in: ["2", "4", "none"] } }, tags: { $in: ["x"] } } },
          { $addToSet: { tags: "y", set: { $each: [{ a: 1 }, { a: 1 }, { a: 2 }] } }, $pull: { missing: 1 } },
        ];
        for (const update of steps) expect(await store.updateMany({ _id: "a" }, update)).toBe(1);
        expect(await store.findById("a")).toEqual({
          _id: "a",
          list: [{ id: "3" }, { id: "5" }],
          tags: ["y"],
          set: [{ a: 1 }, { a: 2 }],
        });
      });

      it("tell how many documents matched, changed or not", async () => {
        const store = await collection({ indexes: [{ fields: ["n"] }] });
        await store.insertMany([1, 2, 3].map((n) => ({ _id: `d${n}`, n })));
        expect(await store.updateMany({ n: { $gte: 2 } }, { $set: { big: true } })).toBe(2);
        expect(await store.updateMany({ n: { $gte: 2 } }, { $set: { big: true } })).toBe(2);
        expect(await store.updateMany({ n: 9 }, { $set: { big: true } })).toBe(0);
        expect(await store.updateById("none", { $set: { n: 1 } })).toBeNull();
      });

      it("refuse what cannot be done, for good, and change nothing", async () => {
        const store = await collection();
        await store.insert({ _id: "a", text: "x" });
        const update = store.updateMany({ _id: "a" }, { $set: { other: 1 }, $inc: { text: 1 } });
        await expect(update).rejects.toMatchObject({ retryable: false });
        expect(await store.findById("a")).toEqual({ _id: "a", text: "x" });
      });
    });

    describe("compare-and-set", () => {
      it("lets exactly one of many racing writers win", async () => {
        const store = await collection();
        await store.insert({ _id: "a", version: 1 });
        const answers = await Promise.all(
          Array.from({ length: 30 }, (_, writer) =>
            store.updateEach([
              { query: { _id: "a", version: 1 }, update: { $inc: { version: 1 }, $set: { writer } } },
            ]),
          ),
        );
        expect(answers.flat().filter(Boolean)).toHaveLength(1);
        expect(await store.findById("a")).toEqual({
          _id: "a",
          version: 2,
          writer: answers.flat().indexOf(true),
        });
      });

      it("lets one writer win each of many documents, and says who", async () => {
        const store = await collection();
        const ids = Array.from({ length: 100 }, (_, n) => `d${n}`);
        await store.insertMany(ids.map((_id) => ({ _id, version: 1 })));
        const writers = await Promise.all(
          [0, 1, 2, 3].map((writer) =>
            store.updateEach(
              ids.map((_id) => ({
                query: { _id, version: 1 },
                update: { $inc: { version: 1 }, $set: { writer } },
              })),
            ),
          ),
        );
        for (const [at, _id] of ids.entries()) {
          const winners = writers.map((answers) => answers[at]);
          expect(winners.filter(Boolean)).toHaveLength(1);
          expect(await store.findById(_id)).toEqual({ _id, version: 2, writer: winners.indexOf(true) });
        }
      });

      it("applies several updates of one document in their order", async () => {
        const store = await collection();
        await store.insertMany([
          { _id: "a", version: 1, log: [] },
          { _id: "b", version: 1 },
        ]);
        const step = (_id: string, version: number) => ({
          query: { _id, version },
          update: { $inc: { version: 1 }, $push: { log: version } },
        });
        const answers = await store.updateEach([
          step("a", 1),
          step("a", 2),
          step("b", 7),
          step("a", 1),
          step("a", 3),
        ]);
        expect(answers).toEqual([true, true, false, false, true]);
        expect(await store.findById("a")).toEqual({ _id: "a", version: 4, log: [1, 2, 3] });
      });

      it("takes any query beside the id", async () => {
        const store = await collection();
        await store.insert({ _id: "a", facts: [{ id: "f1" }], n: 5 });
        const attempt = (query: Query): Promise<boolean[]> =>
          store.updateEach([{ query: { _id: "a", ...query }, update: { $inc: { n: 1 } } }]);
        expect(await attempt({ "facts.id": { $ne: "f1" } })).toEqual([false]);
        expect(await attempt({ "facts.id": "f1", n: { $lt: 6 } })).toEqual([true]);
        expect(await attempt({ $or: [{ n: 5 }, { gone: { $exists: true } }] })).toEqual([false]);
        expect(await attempt({ missing: undefined, n: 6 })).toEqual([true]);
      });

      it("loses no increment of many concurrent writers", async () => {
        const store = await collection();
        await store.insert({ _id: "a", n: 0 });
        await Promise.all(
          Array.from({ length: 50 }, () => store.updateMany({ _id: "a" }, { $inc: { n: 1 } })),
        );
        expect(await store.findById("a")).toEqual({ _id: "a", n: 50 });
      });
    });

    describe("finds", () => {
      const indexes = [{ fields: ["user", "-createdAt"] }, { fields: ["n"] }, { fields: ["nested.flag"] }];

      it("page by a cursor, newest first, without a gap or a repeat", async () => {
        const store = await collection({ indexes });
        await store.insertMany(
          Array.from({ length: 25 }, (_, n) => ({
            _id: `d${n}`,
            user: n % 5 === 4 ? "other" : "me",
            createdAt: `2026-01-0${1 + (n % 3)}`,
          })),
        );
        const seen: Doc[] = [];
        for (let page: Doc[] = []; ;) {
          const last = page.at(-1);
          const after = last && {
            $or: [
              { createdAt: { $lt: last.createdAt } },
              { createdAt: last.createdAt, _id: { $lt: last._id } },
            ],
          };
          page = await store.find({
            query: { user: "me", ...after },
            sort: ["-createdAt", "-_id"],
            limit: 3,
          });
          if (page.length === 0) break;
          seen.push(...page);
        }
        const keys = seen.map((doc) => `${String(doc.createdAt)} ${doc._id}`);
        expect(keys).toEqual([...keys].sort().reverse());
        expect(new Set(keys).size).toBe(20);
      });

      it("give only the fields asked for, and none of the store's own", async () => {
        const store = await collection();
        await store.insert({ _id: "a", keep: { this: 1, not: 2 }, drop: 3 });
        await store.updateEach([{ query: { _id: "a" }, update: { $set: { drop: 4 } } }]);
        expect(await store.find({ fields: ["keep.this", "missing"] })).toEqual([
          { _id: "a", keep: { this: 1 } },
        ]);
        expect(await store.find()).toEqual([{ _id: "a", keep: { this: 1, not: 2 }, drop: 4 }]);
        expect(await store.updateById("a", { $unset: { keep: "" } })).toEqual({ _id: "a", drop: 4 });
        expect(await store.removeById("a")).toEqual({ _id: "a", drop: 4 });
      });

      it("take strings that look like operators or SQL as data", async () => {
        const store = await collection({ indexes: [{ fields: ["text"] }] });
        const texts = ["$gt", "$where", "' OR 1=1 --", "%", "null"];
        await store.insertMany(texts.map((text, n) => ({ _id: `d${n}`, text })));
        for (const [n, text] of texts.entries()) {
          expect(await store.find({ query: { text } })).toEqual([{ _id: `d${n}`, text }]);
        }
      });

      it("order text by its bytes, and take lists of any length", async () => {
        const store = await collection({ indexes: [{ fields: ["text"] }] });
        const texts = ["a", "B", "Z", "ä", "_", "10", "9", "\u{1F680}", "\uFB00"];
        await store.insertMany(texts.map((text, n) => ({ _id: `d${n}`, text })));
        const many = [...texts, ...Array.from({ length: 40_000 }, (_, n) => `none ${n}`)];
        const found = await store.find({ query: { text: { $in: many } }, sort: "text" });
        const bytes = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(found.map((doc) => doc.text)).toEqual(bytes);
        expect(await store.findByIds(["d1", "none", "d0"])).toHaveLength(2);
      });

      it("find nothing for an undefined condition where the field is there", async () => {
        const store = await collection({ indexes });
        await store.insert({ _id: "a", user: "me" });
        expect(await store.find({ query: { user: undefined } })).toEqual([]);
        expect(await store.removeMany({ user: undefined })).toBe(0);
      });

      it("agree with the query language, whatever is stored and asked", async () => {
        const store = await collection({ indexes });
        // Field `n` is indexed, `m` is not: each is asked the same.
        const scalar = fc.oneof(
          fc.integer({ min: -2, max: 2 }),
          fc.constantFrom("", "a", "b", "$a"),
          fc.boolean(),
        );
        const value = fc.oneof(
          { weight: 8, arbitrary: scalar },
          { weight: 1, arbitrary: fc.constant(null) },
          { weight: 1, arbitrary: fc.array(scalar, { maxLength: 2 }) },
        );
        const docs = fc.array(
          fc.record(
            { user: scalar, n: value, m: value, nested: fc.record({ flag: value }, { requiredKeys: [] }) },
            { requiredKeys: [] },
          ),
          { maxLength: 8 },
        );
        const comparable = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom("", "a", "b"));
        const condition = fc.oneof(
          scalar,
          fc.constant(null),
          fc.record({ $ne: fc.oneof(scalar, fc.constant(null)) }),
          fc.record({ $in: fc.array(fc.oneof(scalar, fc.constant(null)), { maxLength: 3 }) }),
          fc.record({ $nin: fc.array(fc.oneof(scalar, fc.constant(null)), { maxLength: 3 }) }),
          fc.record({ $exists: fc.boolean() }),
          fc
            .record({ $gt: comparable, $lte: comparable }, { requiredKeys: [] })
            .filter((c) => Object.keys(c).length > 0),
          fc.record({ $gte: comparable }),
          fc.record({ $lt: comparable }),
        );
        const fields = fc.dictionary(fc.constantFrom("user", "n", "m", "nested.flag"), condition, {
          maxKeys: 2,
          noNullPrototype: true,
        });
        const query = fc.oneof(
          fields,
          fc.record({ $or: fc.array(fields, { minLength: 1, maxLength: 3 }) }),
          fc.record({ $and: fc.array(fields, { minLength: 1, maxLength: 2 }), user: condition }),
        );
        await fc.assert(
          fc.asyncProperty(docs, fc.array(query, { minLength: 1, maxLength: 4 }), async (bodies, queries) => {
            await store.clear();
            const stored: Doc[] = bodies.map((body, n) => ({ _id: `d${n}`, ...body }));
            await store.insertMany(stored);
            for (const asked of queries) {
              const wanted = new MingoQuery(asked).find<Doc>(stored).all();
              expect(await store.find({ query: asked, sort: "_id" })).toEqual(wanted);
              expect(await store.count({ query: asked })).toBe(wanted.length);
              expect(await store.find({ query: asked, sort: "-_id", offset: 1, limit: 2 })).toEqual(
                wanted.reverse().slice(1, 3),
              );
            }
          }),
          { numRuns: 60 },
        );
      });
    });

    describe("reads of one document at once", () => {
      it("give each reader a document of its own", async () => {
        const store = await collection();
        await store.insert({ _id: "a", deep: { list: [1] } });
        const [one, two] = await Promise.all([store.findById("a"), store.findById("a")]);
        (one?.deep as { list: number[] }).list.push(2);
        expect(two).toEqual({ _id: "a", deep: { list: [1] } });
      });

      it("see what was stored before they were asked for", async () => {
        const store = await collection();
        await store.insert({ _id: "a", n: 0 });
        for (let n = 1; n <= 20; n++) {
          const early = store.findById("a");
          await store.updateEach([{ query: { _id: "a" }, update: { $set: { n } } }]);
          expect(await store.findById("a")).toEqual({ _id: "a", n });
          await early;
        }
      });
    });

    describe("groups and removals", () => {
      it("count and add up by a field, indexed or not", async () => {
        const store = await collection({ indexes: [{ fields: ["status"] }, { fields: ["open"] }] });
        await store.insertMany([
          { _id: "1", status: "A", open: true, kind: "x", total: { amount: 5 } },
          { _id: "2", status: "A", open: false, kind: "y", total: { amount: 7 } },
          { _id: "3", status: "B", open: true, kind: "x", total: { amount: "9" } },
          { _id: "4", kind: "x" },
        ]);
        const groups = async (by: string, query?: Query): Promise<unknown[]> => {
          const all = await store.groupBy({ query, by, sum: "total.amount" });
          return all.map(({ key, count, sum }) => `${String(key)} ${count} ${sum}`).sort();
        };
        expect(await groups("status")).toEqual(["A 2 12", "B 1 0", "null 1 0"]);
        expect(await groups("open", { status: { $in: ["A", "B"] } })).toEqual(["false 1 7", "true 2 5"]);
        expect(await groups("kind", { "total.amount": { $exists: true } })).toEqual(["x 2 5", "y 1 7"]);
        await store.updateById("4", { $set: { status: null } });
        expect(await groups("status")).toEqual(["A 2 12", "B 1 0", "null 1 0"]);
      });

      it("remove what matches and nothing else", async () => {
        const store = await collection({ indexes: [{ fields: ["n"] }] });
        await store.insertMany([1, 2, 3, 4, 5].map((n) => ({ _id: `d${n}`, n, m: n })));
        expect(await store.removeMany({ n: { $gt: 4 } })).toBe(1);
        expect(await store.removeMany({ m: { $gt: 3 } })).toBe(1);
        expect(await store.removeById("d1")).toMatchObject({ n: 1 });
        expect(await store.removeById("d1")).toBeNull();
        expect(await store.clear()).toBe(2);
        expect(await store.count()).toBe(0);
      });
    });
  });
}
