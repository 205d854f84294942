import { randomUUID } from "node:crypto";
import type { Service, ServiceBroker } from "moleculer";
import { fromStoredId, toStoredId } from "../identity";
import { matcher, type Predicate } from "../match";
import { mingoQuery } from "../mingo";
import { parseSort, project, splitPath, valueAt } from "../paths";
import type { Document, FindOptions, Group, Query, StoreAdapter, Update, UpdateOne } from "../types";
import { compileUpdate } from "../update";
import { decode, type SqliteCollection } from "./collection";
import type { Value } from "./engine";
import { compileQuery, compileSort } from "./query";

/** What moleculer-db's actions add to a find. */
interface Filters extends FindOptions {
  search?: string;
  searchFields?: string | string[];
}

/**
 * moleculer-db's adapter over one SQLite table. Conditions on indexed fields become SQL, mingo tests the
 * others; writes go through the engine's group commit.
 */
export class SqliteAdapter<D extends Document = Document> implements StoreAdapter<D> {
  broker?: ServiceBroker;
  service?: Service;

  constructor(private readonly collection: SqliteCollection<D>) {}

  init(broker: ServiceBroker, service: Service): void {
    this.broker = broker;
    this.service = service;
  }

  async connect(): Promise<void> {
    this.collection.engine.read(() => this.collection.open());
  }

  /** The file belongs to the Database, which outlives its adapters. */
  async disconnect(): Promise<void> {}

  async find(options: Filters = {}): Promise<D[]> {
    return this.collection.engine.read(() => this.select(options));
  }

  async findOne(query: Query): Promise<D | null> {
    return (await this.find({ query, limit: 1 }))[0] ?? null;
  }

  async findById(id: string): Promise<D | null> {
    return this.collection.engine.read(() => this.collection.load(id));
  }

  async findByIds(ids: string[]): Promise<D[]> {
    const { engine } = this.collection;
    return engine.read(() => [...new Set(ids)].flatMap((id) => this.collection.load(id) ?? []));
  }

  async count({ query, search, searchFields }: Filters = {}): Promise<number> {
    const { where, parameters, exact } = compileQuery(this.collection, query);
    if (!exact || search) return (await this.find({ query, search, searchFields })).length;
    return this.collection.engine.read(() => {
      const sql = `SELECT count(*) AS n FROM ${this.collection.table} WHERE ${where}`;
      return (this.collection.engine.prepare(sql).get(...parameters) as { n: number }).n;
    });
  }

  async insert(doc: D): Promise<D> {
    return (await this.insertMany([doc]))[0];
  }

  async insertMany(docs: D[]): Promise<D[]> {
    const complete = docs.map(withId);
    const rows = complete.map((doc) => this.collection.row(doc));
    await this.collection.engine.write(() => rows.forEach((row) => this.collection.insert(row, false)));
    return complete;
  }

  async insertEach(docs: D[]): Promise<boolean[]> {
    const rows = docs.map((doc) => this.collection.row(withId(doc)));
    return this.collection.engine.write(() => rows.map((row) => this.collection.insert(row, true)));
  }

  async updateMany(query: Query, update: Update): Promise<number> {
    const change = compileUpdate(update);
    return this.collection.engine.write(() => {
      const docs = this.select({ query });
      for (const doc of docs) this.rewrite(doc, change);
      return docs.length;
    });
  }

  async updateById(id: string, update: Update): Promise<D | null> {
    const change = compileUpdate(update);
    return this.collection.engine.write(() => {
      const doc = this.collection.load(id);
      return doc && this.rewrite(doc, change);
    });
  }

  async updateEach(updates: UpdateOne[]): Promise<boolean[]> {
    const compiled = updates.map(({ query, update }) => ({
      id: query._id,
      matches: matcher(query),
      change: compileUpdate(update),
    }));
    return this.collection.engine.write(() =>
      compiled.map(({ id, matches, change }) => {
        const doc = this.collection.load(id);
        if (!doc || !matches(doc)) return false;
        this.rewrite(doc, change);
        return true;
      }),
    );
  }

  async removeMany(query: Query): Promise<number> {
    const { table, engine } = this.collection;
    return engine.write(() => {
      const { where, parameters, exact } = compileQuery(this.collection, query);
      if (exact) {
        return Number(engine.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...parameters).changes);
      }
      const docs = this.select({ query });
      for (const doc of docs) engine.prepare(`DELETE FROM ${table} WHERE _id = ?`).run(doc._id);
      return docs.length;
    });
  }

  async removeById(id: string): Promise<D | null> {
    const { table, engine } = this.collection;
    return engine.write(() => {
      const doc = this.collection.load(id);
      if (doc) engine.prepare(`DELETE FROM ${table} WHERE _id = ?`).run(id);
      return doc;
    });
  }

  clear(): Promise<number> {
    return this.removeMany({});
  }

  async groupBy({ query, by, sum }: { query?: Query; by: string; sum?: string }): Promise<Group[]> {
    const { collection } = this;
    const { where, parameters, exact } = compileQuery(collection, query);
    const key = collection.columns.get(by);
    if (!exact || !key || key.nulls || key.complex) return this.groupInMemory(query, by, sum);
    // A column is read without parsing the document; only numbers count.
    const column = sum === undefined ? "0" : collection.columns.get(sum)?.sql;
    const path = column ? [] : [jsonPath(sum as string)];
    const term = column
      ? `CASE WHEN ${column} < '' THEN ${column} END`
      : "CASE WHEN json_type(doc, ?1) IN ('integer', 'real') THEN json_extract(doc, ?1) END";
    const sql =
      `SELECT ${key.sql} AS key, count(*) AS count, total(${term}) AS sum ` +
      `FROM ${collection.table} WHERE ${where} GROUP BY ${key.sql}`;
    return collection.engine.read(() => {
      const rows = collection.engine.prepare(sql).all(...path, ...parameters);
      return (rows as { key: Value; count: number; sum: number }[]).map((row) => ({
        key: decode(row.key),
        count: row.count,
        sum: row.sum,
      }));
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

  private select({ query = {}, sort, limit = 0, offset = 0, fields, search, searchFields }: Filters): D[] {
    const { collection } = this;
    const { where, parameters, exact } = compileQuery(collection, query);
    const order = compileSort(collection, sort);
    const from = `SELECT doc FROM ${collection.table} WHERE ${where}`;
    const ordered = order ? `${from} ORDER BY ${order}` : from;
    const shape = fields ? (doc: D): D => project(doc, fields) : (doc: D): D => doc;

    if (exact && order !== undefined && !search) {
      const rows = collection.engine
        .prepare(`${ordered} LIMIT ? OFFSET ?`)
        .all(...parameters, limit > 0 ? limit : -1, Math.max(offset, 0)) as { doc: string }[];
      return rows.map((row) => shape(JSON.parse(row.doc) as D));
    }

    const tests: Predicate[] = exact ? [] : [matcher(query)];
    if (search) tests.push(searcher(search, searchFields));
    const enough = order !== undefined && limit > 0 ? Math.max(offset, 0) + limit : Infinity;
    let found: D[] = [];
    for (const row of collection.engine.prepare(ordered).iterate(...parameters)) {
      const doc = JSON.parse((row as { doc: string }).doc) as D;
      if (tests.every((test) => test(doc)) && found.push(doc) >= enough) break;
    }
    if (order === undefined) found = sorted(found, sort);
    return found.slice(Math.max(offset, 0), limit > 0 ? Math.max(offset, 0) + limit : undefined).map(shape);
  }

  private rewrite(doc: D, change: (doc: D) => void): D {
    const before = this.collection.values(doc);
    change(doc);
    this.collection.replace(doc._id, doc, before);
    return doc;
  }

  private async groupInMemory(query: Query | undefined, by: string, sum?: string): Promise<Group[]> {
    const groups = new Map<string, Group>();
    const sumPath = splitPath(sum ?? "");
    for (const doc of await this.find({ query })) {
      const key = valueAt(doc, splitPath(by)) ?? null;
      const name = JSON.stringify(key);
      const group = groups.get(name) ?? { key, count: 0, sum: 0 };
      const amount = sum === undefined ? 0 : valueAt(doc, sumPath);
      group.count++;
      if (typeof amount === "number") group.sum += amount;
      groups.set(name, group);
    }
    return [...groups.values()];
  }
}

function withId<D extends Document>(doc: D): D {
  return doc._id === undefined ? { ...doc, _id: randomUUID() } : doc;
}

function jsonPath(path: string): string {
  return `$${splitPath(path)
    .map((part) => `.${JSON.stringify(part)}`)
    .join("")}`;
}

function sorted<D extends Document>(docs: D[], sort?: string | string[]): D[] {
  const order = parseSort(sort).map(({ field, descending }) => [field, descending ? -1 : 1]);
  return mingoQuery({}).find<D>(docs).sort(Object.fromEntries(order)).all();
}

/** moleculer-db's `search`: a text that one of the fields contains, in any case. */
function searcher(text: string, fields?: string | string[]): Predicate {
  const names = typeof fields === "string" ? fields.split(/\s+/) : (fields ?? []);
  return (doc) => {
    const record = doc as Record<string, unknown>;
    const values = names.length > 0 ? names.map((name) => record[name]) : Object.values(record);
    return values.some((value) => String(value).toLowerCase().includes(text.toLowerCase()));
  };
}
