import type { Database } from "./types";

/** What tells of a connection that comes and goes; a broker's logger fits. */
export interface StoreLogger {
  info(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  error(...parts: unknown[]): void;
}

export interface StoreOptions {
  /** Unset: the embedded store under `dataDir`. */
  mongoUrl?: string;
  dataDir: string;
  logger?: StoreLogger;
}

/**
 * The store of this node. Only the one that is used is loaded, which keeps the embedded start short.
 * @throws ConfigError when the data folder or the URL cannot be used.
 */
export async function openDatabase({ mongoUrl, dataDir, logger }: StoreOptions): Promise<Database> {
  if (mongoUrl) {
    const { openMongoDatabase } = await import("./mongo/database");
    const database = openMongoDatabase({ url: mongoUrl, logger });
    await database.firstAttempt();
    return database;
  }
  const { openSqliteDatabase } = await import("./sqlite/database");
  return openSqliteDatabase({ dataDir });
}
