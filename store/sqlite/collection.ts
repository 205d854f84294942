import { DuplicateKeyError } from "../../contracts/errors";
import { isObject, splitPath, valueAt } from "../paths";
import type { CollectionOptions, Document, Index } from "../types";
import type { SqliteEngine, Value } from "./engine";

/**
 * One table: `_id`, the document as JSON text, and a column for each indexed path. Columns are encoded so
 * that SQLite compares them as MongoDB would: numbers and text as they are, booleans as the blobs 00 and
 * 01 (apart from the numbers), an explicit null as the empty blob, a missing field as NULL. Arrays and
 * objects are their JSON as a blob, so that a unique index sees them; a query on such a column is not
 * left to SQL (see `Column`).
 */
export const NULL_BLOB = new Uint8Array(0);
export const FALSE_BLOB = Uint8Array.of(0);
export const TRUE_BLOB = Uint8Array.of(1);

export interface Column {
  path: string;
  parts: string[];
  /** The quoted name. */
  sql: string;
  /** An explicit null was stored once: NULL is not the only null. */
  nulls: boolean;
  /** An array or object was stored once: SQL cannot answer for this column. */
  complex: boolean;
}

type Oddity = "nulls" | "complex";

/** A collection as such a table: its columns, its indexes, and the writing of documents. */
export class SqliteCollection<D extends Document = Document> {
  readonly table: string;
  readonly columns = new Map<string, Column>();
  private all: Column[] = [];
  private opened = false;
  private pendingIndexes: Index[] = [];
  private sql = { insert: "", insertNew: "" };

  constructor(
    readonly name: string,
    readonly engine: SqliteEngine,
  ) {
    this.table = quote(`docs_${name}`);
  }

  /** Adds what another holder of this collection declares. */
  declare(options: CollectionOptions): void {
    this.pendingIndexes.push(...(options.indexes ?? []));
  }

  /** Makes the table, its columns and indexes; new ones are filled from the documents that are there. */
  open(): void {
    if (this.opened && this.pendingIndexes.length === 0) return;
    const { engine, table } = this;
    engine.exec("SAVEPOINT open_collection");
    try {
      engine.exec(`CREATE TABLE IF NOT EXISTS ${table} (_id NOT NULL UNIQUE, doc TEXT NOT NULL)`);
      engine.exec(
        `CREATE TABLE IF NOT EXISTS hub_oddities
           (collection TEXT, path TEXT, kind TEXT, PRIMARY KEY (collection, path, kind)) WITHOUT ROWID`,
      );
      const rows = engine.prepare(`PRAGMA table_info(${table})`).all() as { name: string }[];
      const present = rows.filter((row) => row.name.startsWith("f_")).map((row) => row.name.slice(2));
      for (const path of present) this.addColumn(path);
      const added = this.pendingIndexes
        .flatMap((index) => index.fields.map((field) => field.replace(/^-/, "")))
        .filter((path, at, paths) => path !== "_id" && !this.columns.has(path) && paths.indexOf(path) === at);
      for (const path of added) {
        this.addColumn(path);
        engine.exec(`ALTER TABLE ${table} ADD COLUMN ${this.column(path)}`);
      }
      this.readOddities();
      if (added.length > 0) this.fill(added);
      for (const index of this.pendingIndexes) this.createIndex(index);
      engine.exec("RELEASE open_collection");
    } catch (error) {
      engine.exec("ROLLBACK TO open_collection; RELEASE open_collection");
      throw error;
    }
    this.pendingIndexes = [];
    this.prepareSql();
    this.opened = true;
  }

  /** The SQL of a path that has a column, or of `_id`. */
  column(path: string): string | undefined {
    return path === "_id" ? "_id" : this.columns.get(path)?.sql;
  }

  /** Writes a new document; false when `ifNew` and its id or unique value is taken. */
  insert(row: Row, ifNew: boolean): boolean {
    this.noteOddities(row.values);
    const statement = this.engine.prepare(ifNew ? this.sql.insertNew : this.sql.insert);
    return this.unique(() => statement.run(row.id, row.text, ...row.values)).changes === 1;
  }

  /** Writes a changed document back in its place; `before` is what its columns hold. */
  replace(id: string, doc: D, before: Value[]): void {
    const { text, values } = this.row(doc);
    // SQLite writes every index that has a column in SET, also where the value stays the same.
    const changed = this.all.filter((_, i) => values[i] !== before[i]);
    const fresh = values.filter((value, i) => value !== before[i]);
    this.noteOddities(fresh, changed);
    const set = ["doc", ...changed.map((column) => column.sql)].map((name) => `${name} = ?`).join(", ");
    const sql = `UPDATE ${this.table} SET ${set} WHERE _id = ?`;
    this.unique(() => this.engine.prepare(sql).run(text, ...fresh, id));
  }

  load(id: string): D | null {
    const row = this.engine.prepare(`SELECT doc FROM ${this.table} WHERE _id = ?`).get(id);
    return row ? (JSON.parse((row as { doc: string }).doc) as D) : null;
  }

  row(doc: D): Row {
    return {
      id: doc._id,
      text: JSON.stringify(doc),
      values: this.values(doc),
    };
  }

  /** What the columns hold of a document. */
  values(doc: D): Value[] {
    return this.all.map((column) => encode(valueAt(doc, column.parts)));
  }

  private addColumn(path: string): void {
    const column = { path, parts: splitPath(path), sql: quote(`f_${path}`), nulls: false, complex: false };
    this.columns.set(path, column);
    this.all.push(column);
  }

  private fill(added: string[]): void {
    const columns = added.map((path) => this.columns.get(path) as Column);
    const set = columns.map((column) => `${column.sql} = ?`).join(", ");
    const page = this.engine.prepare(
      `SELECT rowid AS at, doc FROM ${this.table} WHERE rowid > ? ORDER BY rowid LIMIT 1000`,
    );
    const update = this.engine.prepare(`UPDATE ${this.table} SET ${set} WHERE rowid = ?`);
    let last = -1;
    for (;;) {
      const rows = page.all(last) as { at: number; doc: string }[];
      if (rows.length === 0) return;
      for (const row of rows) {
        const doc: unknown = JSON.parse(row.doc);
        const values = columns.map((column) => encode(valueAt(doc, column.parts)));
        this.noteOddities(values, columns);
        update.run(...values, row.at);
        last = row.at;
      }
    }
  }

  private createIndex(index: Index): void {
    const terms = index.fields.map((field) => {
      const column = this.column(field.replace(/^-/, "")) as string;
      return { column, sql: field.startsWith("-") ? `${column} DESC` : column };
    });
    const name = `${index.unique ? "unique_" : ""}${index.sparse ? "sparse_" : ""}${index.fields.join("_")}`;
    const create = (suffix: string, columns: string[], where: string): void =>
      this.engine.exec(
        `CREATE ${index.unique ? "UNIQUE " : ""}INDEX IF NOT EXISTS ` +
          `${quote(`${this.name}_${name}${suffix}`)} ON ${this.table} (${columns.join(", ")}) ${where}`,
      );
    create(
      "",
      terms.map((term) => term.sql),
      index.sparse ? `WHERE ${terms[0].column} IS NOT NULL` : "",
    );
    if (index.unique && !index.sparse) {
      // For SQLite two missing values differ, for MongoDB they are the same null.
      create(
        "_null",
        terms.map((term) => `ifnull(${term.column}, x'')`),
        `WHERE ${terms.map((term) => `${term.column} IS NULL OR ${term.column} = x''`).join(" OR ")}`,
      );
    }
  }

  private prepareSql(): void {
    const names = ["_id", "doc", ...this.all.map((column) => column.sql)];
    const insert = `INSERT INTO ${this.table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
    this.sql = { insert, insertNew: `${insert} ON CONFLICT DO NOTHING` };
  }

  private noteOddities(values: Value[], columns = this.all): void {
    values.forEach((value, at) => {
      if (!(value instanceof Uint8Array) || value.length === 1) return;
      const column = columns[at];
      const kind: Oddity = value.length === 0 ? "nulls" : "complex";
      // Written each time, not only the first: the transaction of the first one may have been rolled back.
      this.engine
        .prepare("INSERT OR IGNORE INTO hub_oddities VALUES (?, ?, ?)")
        .run(this.name, column.path, kind);
      column[kind] = true;
    });
  }

  private readOddities(): void {
    const rows = this.engine
      .prepare("SELECT path, kind FROM hub_oddities WHERE collection = ?")
      .all(this.name) as { path: string; kind: Oddity }[];
    for (const { path, kind } of rows) {
      const column = this.columns.get(path);
      if (column) column[kind] = true;
    }
  }

  private unique<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      const failed = /^UNIQUE constraint failed: (.*)$/.exec((error as Error).message);
      if (!failed) throw error;
      const fields = [...failed[1].matchAll(/(?:\.f_|\.)(_id|(?<=\.f_)[^,]+)/g)].map((match) => match[1]);
      throw new DuplicateKeyError(this.name, fields.join(", ") || "value");
    }
  }
}

/** A document as it is written. */
export interface Row {
  id: string;
  text: string;
  /** One for each column. */
  values: Value[];
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A document's value as a column holds it. */
export function encode(value: unknown): Value {
  if (typeof value === "string" || typeof value === "number") return value;
  if (typeof value === "boolean") return value ? TRUE_BLOB : FALSE_BLOB;
  if (value === undefined) return null;
  if (value === null) return NULL_BLOB;
  return Buffer.from(JSON.stringify(isObject(value) || Array.isArray(value) ? value : String(value)));
}

/** The way back, for scalars. */
export function decode(value: Value): string | number | boolean | null {
  if (value instanceof Uint8Array) return value.length === 0 ? null : value[0] === 1;
  return typeof value === "bigint" ? Number(value) : value;
}
