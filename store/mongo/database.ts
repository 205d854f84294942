import mongoose, { type Connection } from "mongoose";
import { ConfigError, StoreUnavailableError } from "../../contracts/errors";
import type { StoreLogger } from "..";
import type { CollectionOptions, Database, Document, StoreAdapter } from "../types";
import { MongoAdapter } from "./adapter";

const FIRST_RETRY = 250;
const LAST_RETRY = 5_000;
const PING_TIMEOUT = 2_000;

/** Wrong user or password, in the codes of MongoDB and of Atlas. */
const BAD_CREDENTIALS = new Set<unknown>([18, 8000]);

/**
 * MongoDB through mongoose, on a connection of its own: brokers of one process do not share it. While the
 * server is away operations reject with StoreUnavailableError; once it is there, it works by itself.
 */
export class MongoDatabase implements Database {
  readonly kind = "mongodb";
  readonly connection: Connection;
  private readonly collections = new Map<string, CollectionOptions>();
  private readonly attempt: Promise<void>;
  private connected = false;
  private closed = false;
  private retry?: NodeJS.Timeout;
  private readonly told = new Set<string>();

  constructor(
    private readonly url: string,
    private readonly logger?: StoreLogger,
  ) {
    this.connection = mongoose.createConnection();
    this.connection.on("disconnected", () => {
      if (this.connected && !this.closed) this.logger?.warn(`MONGO_URL: lost ${this.address()}.`);
    });
    this.connection.on("reconnected", () => this.logger?.info(`MONGO_URL: ${this.address()} is back.`));
    this.connection.on("error", () => undefined);
    this.attempt = this.connect(FIRST_RETRY);
    // Who awaits `firstAttempt` sees the error; nobody else has to.
    this.attempt.catch(() => undefined);
  }

  adapter<D extends Document>(options: CollectionOptions): StoreAdapter<D> {
    const known = this.collections.get(options.name);
    const indexes = [...(known?.indexes ?? []), ...(options.indexes ?? [])];
    this.collections.set(options.name, { name: options.name, indexes });
    return new MongoAdapter<D>(this, options.name);
  }

  /**
   * Resolves when the first attempt to connect is over, well or not (then it goes on in the background).
   * @throws ConfigError when the URL is wrong or the server refuses the credentials.
   */
  firstAttempt(): Promise<void> {
    return this.attempt;
  }

  /** @throws StoreUnavailableError before the first connection and after `close`. */
  assertUsable(): void {
    if (this.closed) throw new StoreUnavailableError("The store is closed.");
    if (!this.connected) throw new StoreUnavailableError("MongoDB is not reachable (MONGO_URL).");
  }

  /** Creates the indexes of a collection, unless the server is away: then the connect does. */
  async ensureIndexes(name: string): Promise<void> {
    if (this.connected) await this.createIndexes(this.collections.get(name));
  }

  async ping(): Promise<boolean> {
    if (!this.connected || this.closed) return false;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), PING_TIMEOUT)));
    const answer = this.connection.db
      ?.command({ hello: 1 })
      .then((hello) => hello.isWritablePrimary === true)
      .catch(() => false);
    const up = await Promise.race([answer, late]);
    clearTimeout(timer);
    return up ?? false;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.retry);
    await this.attempt.catch(() => undefined);
    await this.connection.close();
  }

  private async connect(pause: number): Promise<void> {
    try {
      await this.connection.openUri(this.url, {
        autoIndex: false,
        autoCreate: false,
        bufferCommands: false,
        serverSelectionTimeoutMS: 2_000,
        connectTimeoutMS: 2_000,
        socketTimeoutMS: 15_000,
        maxPoolSize: 20,
        // A standalone server acknowledges before its journal unless it is told not to.
        writeConcern: { w: "majority", journal: true, wtimeoutMS: 10_000 },
      });
      for (const collection of this.collections.values()) await this.createIndexes(collection);
      this.connected = true;
      if (pause > FIRST_RETRY) this.logger?.info(`MONGO_URL: connected to ${this.address()}.`);
    } catch (error) {
      const { name, message, code } = error as Error & { code?: unknown };
      if (name === "MongoParseError" || name === "MongoInvalidArgumentError" || name === "MongoAPIError") {
        throw new ConfigError(`MONGO_URL: not a MongoDB URL: ${message}`);
      }
      const isFirst = pause === FIRST_RETRY;
      if (BAD_CREDENTIALS.has(code)) {
        const refusal = `MONGO_URL: ${this.address()} refuses the user or the password.`;
        if (isFirst) throw new ConfigError(refusal);
        // The server came after this node: its users may come later too.
        this.tell("error", refusal);
      } else this.tell("warn", `MONGO_URL: cannot reach ${this.address()} (${message}); trying again.`);
      if (this.closed) return;
      this.retry = setTimeout(() => void this.connect(Math.min(pause * 2, LAST_RETRY)), pause);
    }
  }

  /** Logs what stands between this node and the server, each reason once. */
  private tell(level: "warn" | "error", line: string): void {
    if (this.closed || this.told.has(level)) return;
    this.told.add(level);
    this.logger?.[level](line);
  }

  private async createIndexes(collection?: CollectionOptions): Promise<void> {
    for (const { fields, unique, sparse } of collection?.indexes ?? []) {
      const keys = fields.map((field): [string, 1 | -1] =>
        field.startsWith("-") ? [field.slice(1), -1] : [field, 1],
      );
      const several = sparse && fields.length > 1;
      await this.connection.collection(collection?.name as string).createIndex(new Map(keys), {
        ...(unique && { unique }),
        ...(sparse && !several && { sparse }),
        // MongoDB's sparse asks for any of the fields, ours for the first.
        ...(several && { partialFilterExpression: { [keys[0][0]]: { $exists: true } } }),
      });
    }
  }

  /** The URL without user and password. */
  private address(): string {
    return this.url.replace(/\/\/[^/]*@/, "//").replace(/\?.*$/, "");
  }
}

/** Starts to connect, and goes on in the background while the server is away. */
export function openMongoDatabase({ url, logger }: { url: string; logger?: StoreLogger }): MongoDatabase {
  return new MongoDatabase(url, logger);
}
