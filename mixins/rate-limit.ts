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

/** How much a user, or an address, may ask for; and how often a login may fail. */
export class RateLimits {
  private readonly requests: RateLimiterAbstract | null;
  private readonly logins: RateLimiterAbstract | null;

  constructor({ RATE_LIMIT, LOGIN_RATE_LIMIT }: Config) {
    this.requests = limiter(RATE_LIMIT, MINUTE);
    this.logins = limiter(LOGIN_RATE_LIMIT, LOGIN_WINDOW);
  }

  /** Counts a request. @throws TooManyRequestsError */
  async request(who: string): Promise<void> {
    await this.requests?.consume(who).catch((result: RateLimiterRes) => {
      throw tooMany(result);
    });
  }

  /** Whether this account or this address failed too often. @throws TooManyRequestsError */
  async login(email: string, address: string): Promise<void> {
    for (const key of loginKeys(email, address)) {
      const state = await this.logins?.get(key);
      if (this.logins && state && state.consumedPoints >= this.logins.points) throw tooMany(state);
    }
  }

  /** Counts a failed login, for the account and apart from that for the address. */
  async failedLogin(email: string, address: string): Promise<void> {
    for (const key of loginKeys(email, address)) await this.logins?.consume(key).catch(() => undefined);
  }
}

const loginKeys = (email: string, address: string): string[] => [
  `account:${email.toLowerCase()}`,
  `address:${address}`,
];

/** The client's address: with a trusted proxy the one that it added last, else the socket's. */
export function addressOf(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = request.headers["x-forwarded-for"];
  const last = (Array.isArray(forwarded) ? forwarded.join(",") : (forwarded ?? "")).split(",").at(-1)?.trim();
  return (trustProxy && last) || request.socket.remoteAddress || "unknown";
}
