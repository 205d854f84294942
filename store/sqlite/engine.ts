import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from "@photostructure/sqlite";
import { ConfigError, StoreUnavailableError } from "../../contracts/errors";

export type Value = string | number | bigint | null | Uint8Array;

interface PendingWrite {
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * One SQLite file and its group commit: all writes asked for in one turn of the event loop run in one
 * transaction with one fsync, each inside a savepoint of its own, and their promises settle after the
 * commit. Reads see what is committed. The documents and the embedded channels share this file.
 */
export class SqliteEngine {
  private static readonly open = new Map<string, SqliteEngine>();

  private readonly db: DatabaseSyncInstance;
  private readonly statements = new Map<string, StatementSyncInstance>();
  private pending: PendingWrite[] = [];
  private scheduled = false;
  private holders = 0;
  private closed = false;

  /**
   * The engine of a data folder; a second call in this process shares it.
   * @throws ConfigError when the folder cannot be written or another process owns it.
   */
  static acquire(dataDir: string): SqliteEngine {
    const file = join(resolve(dataDir), "hub.sqlite");
    let engine = SqliteEngine.open.get(file);
    if (!engine) SqliteEngine.open.set(file, (engine = new SqliteEngine(dataDir, file)));
    engine.holders++;
    return engine;
  }

  private constructor(
    dataDir: string,
    private readonly file: string,
  ) {
    try {
      makeFolder(resolve(dataDir), 0o700);
      keepPrivate(file);
      this.db = new DatabaseSync(file);
    } catch (error) {
      throw new ConfigError(`DATA_DIR: cannot write to ${dataDir}: ${(error as Error).message}`);
    }
    try {
      // Exclusive locking: the kernel drops the lock when the owner dies, however it dies.
      this.db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      this.db.exec("PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;");
      // What was erased is overwritten, not only forgotten: personal data must not stay in the file.
      this.db.exec("PRAGMA secure_delete = ON;");
      // 16 MB: a page that is written again and again goes into the file more seldom.
      this.db.exec("PRAGMA wal_autocheckpoint = 4000;");
      this.db.exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS hub_owner (pid INTEGER); COMMIT;");
    } catch (error) {
      this.db.close();
      const busy = /locked|busy/i.test((error as Error).message);
      throw new ConfigError(
        busy
          ? `DATA_DIR: another process owns ${dataDir}; stop it, or choose another folder.`
          : `DATA_DIR: cannot open ${file}: ${(error as Error).message}`,
      );
    }
  }

  /** A prepared statement, kept for the next time. */
  prepare(sql: string): StatementSyncInstance {
    let statement = this.statements.get(sql);
    if (!statement) this.statements.set(sql, (statement = this.db.prepare(sql)));
    return statement;
  }

  /** Runs statements that define tables and indexes. */
  exec(sql: string): void {
    this.db.exec(sql);
  }

  /** Reads; the result is there when the call returns. @throws StoreUnavailableError */
  read<T>(run: () => T): T {
    if (this.closed) throw new StoreUnavailableError("The store is closed.");
    try {
      return run();
    } catch (error) {
      throw storeError(error);
    }
  }

  /**
   * Runs `run` (synchronous, any number of statements, all or none of them) in the next commit.
   * Resolves with its result once it is on disk; rejects with what it threw, or StoreUnavailableError.
   */
  write<T>(run: () => T): Promise<T> {
    if (this.closed) return Promise.reject(new StoreUnavailableError("The store is closed."));
    return new Promise<T>((resolve, reject) => {
      this.pending.push({ run, resolve: resolve as (value: unknown) => void, reject });
      if (!this.scheduled) {
        this.scheduled = true;
        setImmediate(() => this.commit());
      }
    });
  }

  private commit(): void {
    this.scheduled = false;
    const writes = this.pending;
    this.pending = [];
    if (writes.length === 0) return;
    const settle: (() => void)[] = [];
    let first: unknown;
    try {
      this.prepare("BEGIN IMMEDIATE").run();
      for (const write of writes) {
        this.prepare("SAVEPOINT one").run();
        try {
          const result = write.run();
          settle.push(() => write.resolve(result));
        } catch (error) {
          first ??= error;
          // When the disk is full SQLite rolls back the whole transaction: the next statement throws.
          this.prepare("ROLLBACK TO one").run();
          settle.push(() => write.reject(storeError(error)));
        }
        this.prepare("RELEASE one").run();
      }
      this.prepare("COMMIT").run();
    } catch (error) {
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      const cause = storeError(first ?? error);
      const reason = cause instanceof StoreUnavailableError ? cause : storeError(error);
      for (const write of writes) write.reject(reason);
      return;
    }
    for (const answer of settle) answer();
  }

  /** Gives the file back; the last holder's call commits what is pending and closes it. */
  release(): void {
    if (--this.holders > 0 || this.closed) return;
    this.commit();
    this.closed = true;
    SqliteEngine.open.delete(this.file);
    this.unlock();
    this.db.close();
  }

  /** SQLite keeps a closed file locked until the statements on it are collected; so the lock goes first. */
  private unlock(): void {
    try {
      this.db.exec(
        "PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; SELECT count(*) FROM hub_owner;",
      );
    } catch {
      // The disk is in trouble: the lock then goes with the process.
    }
  }
}

function storeError(error: unknown): unknown {
  // What is not SQLite's is a mistake in the call, and stays what it is.
  if ((error as { code?: unknown }).code !== "ERR_SQLITE_ERROR") return error;
  return new StoreUnavailableError(`The store did not answer: ${(error as Error).message}`, { cause: error });
}

/** With those above it. Node's own `recursive` never ends where a file system says that a folder is not there. */
function makeFolder(path: string, mode?: number): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!existsSync(path)) throw error;
  }
}

/**
 * The key that signs tokens and the hashes of passwords are in it: only the hub's own user may read it. The files
 * that SQLite makes beside it get its mode.
 */
function keepPrivate(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  // Those of an earlier version, also one that was killed.
  for (const path of [file, `${file}-wal`, `${file}-shm`, `${file}-journal`])
    try {
      chmodSync(path, 0o600);
    } catch {
      // It is not there, or its file system has no such modes.
    }
}
