import type { CollectionOptions, Database, Document, StoreAdapter } from "../types";
import { SqliteAdapter } from "./adapter";
import { SqliteCollection } from "./collection";
import { SqliteEngine } from "./engine";

/** Brokers of one process share an engine; they must share what is known of its tables as well. */
const collections = new WeakMap<SqliteEngine, Map<string, SqliteCollection>>();

/** The embedded store: collections in one file, `hub.sqlite`, under the data folder. */
export class SqliteDatabase implements Database {
  readonly kind = "sqlite";
  private closed = false;

  constructor(readonly engine: SqliteEngine) {}

  adapter<D extends Document>(options: CollectionOptions): StoreAdapter<D> {
    let known = collections.get(this.engine);
    if (!known) collections.set(this.engine, (known = new Map()));
    let collection = known.get(options.name);
    if (!collection) known.set(options.name, (collection = new SqliteCollection(options.name, this.engine)));
    collection.declare(options);
    return new SqliteAdapter<D>(collection as unknown as SqliteCollection<D>);
  }

  async ping(): Promise<boolean> {
    if (this.closed) return false;
    try {
      await this.engine.write(() => {
        this.engine.exec("CREATE TABLE IF NOT EXISTS hub_ping (at INTEGER PRIMARY KEY)");
        this.engine.prepare("INSERT OR REPLACE INTO hub_ping VALUES (1)").run();
      });
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.engine.release();
  }
}

/**
 * Opens (or shares, within this process) the store of a data folder.
 * @throws ConfigError when the folder cannot be written or another process owns it.
 */
export function openSqliteDatabase({ dataDir }: { dataDir: string }): SqliteDatabase {
  return new SqliteDatabase(SqliteEngine.acquire(dataDir));
}
