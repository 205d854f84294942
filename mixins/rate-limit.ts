import type { IncomingMessage } from "node:http";
import { RateLimiterMemory, type RateLimiterAbstract, type RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../config";
import { TooManyRequestsError } from "../contracts/errors";

const MINUTE = 60;
const LOGIN_WINDOW = 15 * 60;

const limiter = (points: number | "off", duration: number): RateLimiterAbstract | null =>
  points === "off" ? null : new RateLimiterMemory({ points, duration });

const tooMany = (result: RateLimiterRes): TooManyRequestsError =>
  new TooManyRequestsError(Math.max(1, Math.ceil(result.msBeforeNext / 1000)));

/** How many requests a user, or an address without a user, may make. */
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

/** How often a login may fail, for each account and, apart from that, for each address. */
export class LoginLimit {
  private readonly limiter: RateLimiterAbstract | null;
  private readonly underWay = new UnderWay();

  constructor({ LOGIN_RATE_LIMIT }: Config) {
    this.limiter = limiter(LOGIN_RATE_LIMIT, LOGIN_WINDOW);
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
      for (const key of [`account:${email.toLowerCase()}`, `address:${address}`]) {
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
