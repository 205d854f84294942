import type { IncomingMessage } from "node:http";
import {
  RateLimiterMemory,
  RateLimiterMongo,
  type RateLimiterAbstract,
  type RateLimiterRes,
} from "rate-limiter-flexible";
import { createHash } from "node:crypto";
import type { Config } from "../../config";
import { TooManyRequestsError } from "../../contracts/errors";
import type { MongoDatabase } from "../../store/mongo/database";
import type { Database } from "../../store/types";

const MINUTE = 60;
const LOGIN_WINDOW = 15 * 60;

const limiter = (points: number | "off", duration: number): RateLimiterAbstract | null =>
  points === "off" ? null : new RateLimiterMemory({ points, duration });

/** Whoever reads the store need not learn who tried to log in, and from where. */
const digest = (text: string): string => createHash("sha256").update(text).digest("base64url");

const tooMany = (result: RateLimiterRes): TooManyRequestsError =>
  new TooManyRequestsError(Math.max(1, Math.ceil(result.msBeforeNext / 1000)));

/** How many requests a user, or an address without a user, may make; each gateway counts for itself. */
export class RequestLimit {
  private readonly limiter: RateLimiterAbstract | null;

  constructor({ RATE_LIMIT }: Config) {
    this.limiter = limiter(RATE_LIMIT, MINUTE);
  }

  /** Counts a request. @throws TooManyRequestsError */
  async request(who: string): Promise<void> {
    await this.limiter?.consume(who).catch((result: RateLimiterRes) => {
      throw tooMany(result);
    });
  }
}

/**
 * How often a login may fail, for each account and, apart from that, for each address. On MongoDB all nodes
 * count together.
 */
export class LoginLimit {
  private readonly memory: RateLimiterAbstract | null;
  private mongo: RateLimiterAbstract | null = null;
  private readonly underWay = new UnderWay();

  constructor(
    { LOGIN_RATE_LIMIT }: Config,
    private readonly database: Database,
  ) {
    this.memory = limiter(LOGIN_RATE_LIMIT, LOGIN_WINDOW);
  }

  private get limiter(): RateLimiterAbstract | null {
    const { memory, database } = this;
    if (!memory || this.mongo || database.kind !== "mongodb") return this.mongo ?? memory;
    const { db } = (database as MongoDatabase).connection;
    if (!db) return memory;
    this.mongo = new RateLimiterMongo({
      storeClient: db,
      tableName: "login_failures",
      points: memory.points,
      duration: LOGIN_WINDOW,
      insuranceLimiter: memory,
    });
    return this.mongo;
  }

  /**
   * Makes an attempt, whose result says whether it was right, and counts it when it was not.
   * @throws TooManyRequestsError when this account or this address failed too often
   */
  async attempt(email: string, address: string, check: () => Promise<boolean>): Promise<boolean> {
    const { limiter } = this;
    if (!limiter) return check();
    const entered: string[] = [];
    try {
      for (const key of [`account:${digest(email.toLowerCase())}`, `address:${digest(address)}`]) {
        await this.enter(limiter, key);
        entered.push(key);
      }
      const right = await check();
      if (!right) for (const key of entered) await limiter.consume(key).catch(() => undefined);
      return right;
    } finally {
      for (const key of entered) this.underWay.leave(key);
    }
  }

  /** At once there are never more attempts than may still fail: so guesses made side by side count too. */
  private async enter(limiter: RateLimiterAbstract, key: string): Promise<void> {
    for (;;) {
      const state = await limiter.get(key);
      const left = limiter.points - (state?.consumedPoints ?? 0);
      if (state && left <= 0) throw tooMany(state);
      if (this.underWay.enter(key, left)) return;
      await this.underWay.change(key);
    }
  }
}

/** Counts what is under way for each key. */
class UnderWay {
  private readonly keys = new Map<string, { count: number; waiting: (() => void)[] }>();

  /** Enters, unless `most` are under way. */
  enter(key: string, most: number): boolean {
    const entry = this.keys.get(key) ?? { count: 0, waiting: [] };
    if (entry.count >= most) return false;
    entry.count++;
    this.keys.set(key, entry);
    return true;
  }

  leave(key: string): void {
    const entry = this.keys.get(key);
    if (!entry) return;
    if (--entry.count === 0) this.keys.delete(key);
    for (const wake of entry.waiting.splice(0)) wake();
  }

  /** Resolves when one of this key has left. */
  change(key: string): Promise<void> {
    return new Promise((resolve) => this.keys.get(key)?.waiting.push(resolve) ?? resolve());
  }
}

/** The client's address: with a trusted proxy the one that it added last, else the socket's. */
export function addressOf(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = request.headers["x-forwarded-for"];
  const last = (Array.isArray(forwarded) ? forwarded.join(",") : (forwarded ?? "")).split(",").at(-1)?.trim();
  return (trustProxy && last) || request.socket.remoteAddress || "unknown";
}
