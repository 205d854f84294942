import { randomBytes, randomUUID } from "node:crypto";
import type { Service, ServiceBroker } from "moleculer";
import MongooseDbAdapter from "moleculer-db-adapter-mongoose";
import { mongo, Schema, type Model } from "mongoose";
import { DuplicateKeyError, StoreUnavailableError } from "../../contracts/errors";
import { fromStoredId, toStoredId } from "../identity";
import { isObject, parseSort } from "../paths";
import type { Document, FindOptions, Group, Query, StoreAdapter, Update, UpdateOne } from "../types";
import { Batcher, type Answer } from "./batcher";
import type { MongoDatabase } from "./database";
import { toStoreError, writeError } from "./errors";

/** The writer's token of the last conditional update: it tells who won. It never leaves the adapter. */
const TOKEN = "_w";
const HIDE_TOKEN = { [TOKEN]: 0 } as const;

/** What moleculer-db's actions add to a find. */
interface Filters extends FindOptions {
  search?: string;
  searchFields?: string[];
}

/**
 * moleculer-db's mongoose adapter, on a connection of its own and with bulk writes on the driver's
 * collection: what is asked for in one turn of the event loop is one `insertMany` or `bulkWrite`.
 */
export class MongoAdapter<D extends Document = Document>
  extends (MongooseDbAdapter as unknown as new (url: string) => object)
  implements StoreAdapter<D>
{
  broker?: ServiceBroker;
  service?: Service;
  readonly model: Model<D>;
  private readonly writer = randomBytes(9).toString("base64url");
  private written = 0;

  private readonly reads = new Batcher<string, D | null>({
    run: (ids) => this.runReads(ids),
  });
  private readonly inserts = new Batcher<D, void>({
    key: (doc) => doc._id,
    run: (docs) => this.runInserts(docs),
  });
  private readonly updates = new Batcher<UpdateOne, boolean>({
    key: ({ query }) => query._id,
    run: (updates) => this.runUpdates(updates),
  });

  constructor(
    private readonly database: MongoDatabase,
    private readonly name: string,
  ) {
    super("");
    const schema = new Schema({ _id: String }, { strict: false, strictQuery: false, versionKey: false });
    const { connection } = database;
    this.model = (connection.models[name] ?? connection.model(name, schema, name)) as unknown as Model<D>;
  }

  init(broker: ServiceBroker, service: Service): void {
    this.broker = broker;
    this.service = service;
  }

  async connect(): Promise<void> {
    await this.database.firstAttempt();
    await this.ask(() => this.database.ensureIndexes(this.name));
  }

  /** The connection belongs to the Database, which outlives its adapters. */
  async disconnect(): Promise<void> {}

  find({ query = {}, sort, limit = 0, offset = 0, fields, search, searchFields }: Filters = {}): Promise<
    D[]
  > {
    return this.reach(async (collection) => {
      const cursor = collection.find(withSearch(query, search, searchFields), {
        projection: fields ? Object.fromEntries(fields.map((field) => [field, 1])) : HIDE_TOKEN,
        limit: Math.max(limit, 0),
        skip: Math.max(offset, 0),
      });
      const order = parseSort(sort);
      if (order.length > 0) cursor.sort(new Map(order.map((by) => [by.field, by.descending ? -1 : 1])));
      return (await cursor.toArray()) as unknown as D[];
    });
  }

  async findOne(query: Query): Promise<D | null> {
    return (await this.find({ query, limit: 1 }))[0] ?? null;
  }

  async findById(id: string): Promise<D | null> {
    return (await this.findByIds([id]))[0] ?? null;
  }

  async findByIds(ids: string[]): Promise<D[]> {
    const found: D[] = [];
    for (const answer of await this.reads.add([...new Set(ids)])) {
      if (answer instanceof Error) throw answer;
      if (answer) found.push(answer);
    }
    return found;
  }

  count({ query = {}, search, searchFields }: Filters = {}): Promise<number> {
    return this.reach((collection) => collection.countDocuments(withSearch(query, search, searchFields)));
  }

  async insert(doc: D): Promise<D> {
    return (await this.insertMany([doc]))[0];
  }

  async insertMany(docs: D[]): Promise<D[]> {
    const complete = docs.map(withId);
    for (const answer of await this.inserts.add(complete)) if (answer instanceof Error) throw answer;
    return complete;
  }

  async insertEach(docs: D[]): Promise<boolean[]> {
    const answers = await this.inserts.add(docs.map(withId));
    return answers.map((answer) => {
      if (answer instanceof Error && !(answer instanceof DuplicateKeyError)) throw answer;
      return !answer;
    });
  }

  updateMany(query: Query, update: Update): Promise<number> {
    return this.reach(async (collection) => (await collection.updateMany(asked(query), update)).matchedCount);
  }

  updateById(id: string, update: Update): Promise<D | null> {
    return this.reach(async (collection) => {
      const options = { returnDocument: "after", projection: HIDE_TOKEN } as const;
      return (await collection.findOneAndUpdate({ _id: id }, update, options)) as D | null;
    });
  }

  async updateEach(updates: UpdateOne[]): Promise<boolean[]> {
    return (await this.updates.add(updates)).map((answer) => {
      if (answer instanceof Error) throw answer;
      return answer;
    });
  }

  removeMany(query: Query): Promise<number> {
    return this.reach(async (collection) => (await collection.deleteMany(asked(query))).deletedCount);
  }

  removeById(id: string): Promise<D | null> {
    return this.reach(
      async (collection) =>
        (await collection.findOneAndDelete({ _id: id }, { projection: HIDE_TOKEN })) as D | null,
    );
  }

  clear(): Promise<number> {
    return this.removeMany({});
  }

  groupBy({ query = {}, by, sum }: { query?: Query; by: string; sum?: string }): Promise<Group[]> {
    return this.reach(async (collection) => {
      const rows = await collection
        .aggregate<{ _id: unknown; count: number; sum: number }>([
          { $match: asked(query) },
          { $group: { _id: `$${by}`, count: { $sum: 1 }, sum: { $sum: sum ? `$${sum}` : 0 } } },
        ])
        .toArray();
      return rows.map(({ _id, count, sum: total }) => ({ key: _id ?? null, count, sum: total }));
    });
  }

  entityToObject(entity: D): D {
    return entity;
  }

  beforeSaveTransformID(entity: Record<string, unknown>, idField: string): Record<string, unknown> {
    return toStoredId(entity, idField);
  }

  afterRetrieveTransformID(entity: Record<string, unknown>, idField: string): Record<string, unknown> {
    return fromStoredId(entity, idField);
  }

  /** The driver's own collection: no casting and no hydration on the way. */
  private collection(): mongo.Collection<Document> {
    const db = this.database.connection.db;
    if (!db) throw new StoreUnavailableError("MongoDB is not reachable (MONGO_URL).");
    return db.collection<Document>(this.name, { ignoreUndefined: true });
  }

  private async ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStoreError(error, this.name);
    }
  }

  private reach<T>(work: (collection: mongo.Collection<Document>) => Promise<T>): Promise<T> {
    return this.ask(() => {
      this.database.assertUsable();
      return work(this.collection());
    });
  }

  /** Who asks for one document together with others gets a copy of it that is nobody else's. */
  private async runReads(ids: string[]): Promise<(D | null)[]> {
    const query = { _id: { $in: [...new Set(ids)] } };
    const found = new Map((await this.find({ query })).map((doc) => [doc._id, doc]));
    const given = new Set<string>();
    return ids.map((id) => {
      const doc = found.get(id) ?? null;
      if (!given.has(id)) given.add(id);
      else if (doc) return structuredClone(doc);
      return doc;
    });
  }

  private runInserts(docs: D[]): Promise<Answer<void>[]> {
    return this.reach(async (collection) => {
      const failed = await bulkErrors(() => collection.insertMany(docs, { ordered: false }), this.name);
      return docs.map((_doc, at) => failed.get(at));
    });
  }

  private runUpdates(updates: UpdateOne[]): Promise<Answer<boolean>[]> {
    return this.reach(async (collection) => {
      const tokens = updates.map(() => `${this.writer}${(this.written++).toString(36)}`);
      const operations = updates.map(({ query, update }, at): mongo.AnyBulkWriteOperation<Document> => ({
        updateOne: {
          filter: asked(query) as mongo.Filter<Document>,
          update: { ...update, $set: { ...update.$set, [TOKEN]: tokens[at] } },
        },
      }));
      let matched = 0;
      const failed = await bulkErrors(async () => {
        matched = (await collection.bulkWrite(operations, { ordered: false })).matchedCount;
      }, this.name);
      if (matched === updates.length) return updates.map(() => true);
      // Some did not match. Who won is written in the documents; what was overwritten since is "not known".
      const ids = updates.map(({ query }) => query._id);
      const found = await collection.find({ _id: { $in: ids } }, { projection: { [TOKEN]: 1 } }).toArray();
      const held = new Set(found.map((doc) => (doc as Document & { _w?: string })[TOKEN]));
      return updates.map((_update, at) => failed.get(at) ?? held.has(tokens[at]));
    });
  }
}

/** Runs an unordered bulk; the errors of single writes by their place. Other errors are thrown. */
async function bulkErrors(run: () => Promise<unknown>, name: string): Promise<Map<number, Error>> {
  try {
    await run();
    return new Map();
  } catch (error) {
    if (!(error instanceof mongo.MongoBulkWriteError) || error.result.getWriteConcernError()) throw error;
    const failures = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
    if (failures.length === 0) throw error;
    return new Map(failures.map((failure) => [failure.index, writeError(failure, name)]));
  }
}

function withId<D extends Document>(doc: D): D {
  return doc._id === undefined ? { ...doc, _id: randomUUID() } : doc;
}

/**
 * The driver leaves out what is undefined, which suits a document. In a query it would find everything
 * instead of nothing, so there it stays, as null.
 */
function asked<T>(query: T): T {
  if (query === undefined) return null as T;
  if (Array.isArray(query)) return query.map(asked) as T;
  if (!isObject(query) || query instanceof RegExp || query instanceof Date) return query;
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, asked(value)])) as T;
}

/** moleculer-db's `search`: a text that one of the fields contains, in any case; without fields, MongoDB's text index. */
function withSearch(query: Query, search?: string, fields?: string[]): Query {
  if (!search) return asked(query);
  if (!fields?.length) return { $and: [asked(query), { $text: { $search: search } }] };
  const pattern = { $regex: search.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), $options: "i" };
  return { $and: [asked(query), { $or: fields.map((field) => ({ [field]: pattern })) }] };
}
