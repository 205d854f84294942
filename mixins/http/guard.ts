import type { LoggerInstance, ServiceBroker } from "moleculer";
import { ForbiddenError, UnauthorizedError } from "../../contracts/errors";
import type { Caller } from "./request";
import { TokenVerifier, type AccessClaims, type PublicJwk } from "./tokens";

/** Tokens that ended before their time: those of a session, or those of a user below a version. */
export interface Revocation {
  /** The session's or the user's id. */
  _id: string;
  /** For a user: the lowest version that is still good. */
  minVersion?: number;
  /** When (ms) the last access token that it could concern has expired. */
  until: number;
}

/** Revocations come at once by broadcast; should one get lost, the next look-up has it. */
const POLL_MS = 2_000;

/** Knows who a token belongs to, and which tokens ended before their time. */
export class Guard {
  private readonly verifier: TokenVerifier;
  private readonly logger: LoggerInstance;
  private readonly revoked = new Map<string, Revocation>();
  private readonly listeners: (() => void)[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly broker: ServiceBroker) {
    this.logger = broker.getLogger("api.guard");
    this.verifier = new TokenVerifier(
      async () => (await broker.call<{ keys: PublicJwk[] }>("auth.jwks")).keys,
    );
  }

  /** @throws UnauthorizedError */
  async authenticate(token: string | undefined): Promise<AccessClaims> {
    if (!token)
      throw new UnauthorizedError(
        "TOKEN_MISSING",
        "This call needs an access token (Authorization: Bearer ...).",
      );
    const claims = await this.verifier.verify(token);
    if (this.isRevoked(claims))
      throw new UnauthorizedError("TOKEN_REVOKED", "The access token has been revoked.");
    return claims;
  }

  isRevoked({ sub, sid, ver }: AccessClaims): boolean {
    return this.revoked.has(sid) || ver < (this.revoked.get(sub)?.minVersion ?? 0);
  }

  /** Called when tokens were revoked; the listener checks which of its own are affected. */
  onRevoked(listener: () => void): void {
    this.listeners.push(listener);
  }

  revoke(revocations: Revocation[]): void {
    const now = Date.now();
    let fresh = false;
    for (const revocation of revocations) {
      const known = this.revoked.get(revocation._id);
      if (known && known.minVersion === revocation.minVersion) continue;
      this.revoked.set(revocation._id, revocation);
      fresh = true;
    }
    for (const [id, { until }] of this.revoked) if (until <= now) this.revoked.delete(id);
    if (fresh) for (const listener of this.listeners) listener();
  }

  start(): void {
    const poll = async () => {
      try {
        this.revoke(await this.broker.call<Revocation[]>("auth.revocations"));
      } catch (error) {
        this.logger.debug(`Revocations not read: ${(error as Error).message}`);
      }
      if (this.timer) this.timer = setTimeout(() => void poll(), POLL_MS).unref();
    };
    this.timer = setTimeout(() => void poll(), 0);
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}

export const callerFrom = ({ sub, role, sid }: AccessClaims): Caller => ({ id: sub, role, sessionId: sid });

/** @throws ForbiddenError */
export function requireAdmin({ role }: AccessClaims): void {
  if (role !== "admin") throw new ForbiddenError();
}

/** The token of an Authorization header; undefined when there is none. */
export function bearer(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(header ?? "")?.[1];
}
