import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import jwt from "jsonwebtoken";
import { UnauthorizedError } from "../../contracts/errors";
import type { Role } from "../../contracts/events";

/** What an access token says. `ver` is the user's token version: a demotion or deletion ends all lower ones. */
export interface AccessClaims {
  sub: string;
  role: Role;
  sid: string;
  ver: number;
  /** Seconds since the epoch. */
  exp: number;
  iat: number;
}

/** What a refresh token says: which session it goes on with, and which of its tokens it is, counted from 0. */
export interface RefreshClaims {
  sid: string;
  turn: number;
}

const ISSUER = "subscription-hub";
/** Another issuer: so that one kind of token is never taken for the other. */
const REFRESH_ISSUER = "subscription-hub/refresh";
const ALGORITHM = "ES256";

/** A public key as JWKS (RFC 7517) tells it. */
export interface PublicJwk {
  kty: string;
  crv: string;
  x: string;
  y: string;
  kid: string;
  alg: string;
  use: string;
}

/** A new EC P-256 private key as PEM (PKCS #8). */
export const makePrivateKey = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();

/** Signs tokens (jsonwebtoken, always with a KeyObject: a PEM would be parsed each time). */
export class TokenSigner {
  private readonly key: KeyObject;
  private readonly publicKey: KeyObject;
  readonly jwk: PublicJwk;

  constructor(
    pem: string,
    private readonly ttlSeconds: number,
  ) {
    this.key = createPrivateKey(pem);
    this.publicKey = createPublicKey(this.key);
    const { kty, crv, x, y } = this.publicKey.export({ format: "jwk" }) as Record<string, string>;
    const [a = "", b = "", c = "", d = ""] = [kty, crv, x, y];
    // The key's thumbprint (RFC 7638) is its id.
    const kid = createHash("sha256")
      .update(JSON.stringify({ crv: b, kty: a, x: c, y: d }))
      .digest("base64url");
    this.jwk = { kty: a, crv: b, x: c, y: d, kid, alg: ALGORITHM, use: "sig" };
  }

  sign({ sub, ...claims }: Omit<AccessClaims, "exp" | "iat">): string {
    return jwt.sign(claims, this.key, {
      algorithm: ALGORITHM,
      keyid: this.jwk.kid,
      subject: sub,
      issuer: ISSUER,
      expiresIn: this.ttlSeconds,
    });
  }

  /** When it ends is its session's to say. */
  signRefresh({ sid, turn }: RefreshClaims): string {
    return jwt.sign({ sid, turn }, this.key, { algorithm: ALGORITHM, issuer: REFRESH_ISSUER });
  }

  /** @throws UnauthorizedError TOKEN_INVALID */
  readRefresh(token: string): RefreshClaims {
    try {
      const options = { algorithms: [ALGORITHM], issuer: REFRESH_ISSUER } satisfies jwt.VerifyOptions;
      return jwt.verify(token, this.publicKey, options) as RefreshClaims;
    } catch {
      throw new UnauthorizedError("TOKEN_INVALID", "The refresh token is not valid.");
    }
  }
}

const CACHE = 10_000;

/** The key that a token says it was signed with. */
function keyIdOf(token: string): string {
  try {
    return jwt.decode(token, { complete: true })?.header.kid ?? "";
  } catch {
    // Its payload is not the JSON that its header says.
    return "";
  }
}

/** Verifies access tokens; remembers those that were good until they end, so that a verification is paid once. */
export class TokenVerifier {
  private keys = new Map<string, KeyObject>();
  private readonly known = new Map<string, AccessClaims>();

  constructor(private readonly fetchKeys: () => Promise<PublicJwk[]>) {}

  /** @throws UnauthorizedError TOKEN_INVALID or TOKEN_EXPIRED */
  async verify(token: string): Promise<AccessClaims> {
    const known = this.known.get(token);
    if (known) {
      if (known.exp * 1000 > Date.now()) return known;
      this.known.delete(token);
      throw new UnauthorizedError("TOKEN_EXPIRED", "The access token has expired.");
    }
    const claims = await this.check(token);
    if (this.known.size >= CACHE) this.known.delete(this.known.keys().next().value ?? "");
    this.known.set(token, claims);
    return claims;
  }

  private async check(token: string): Promise<AccessClaims> {
    const kid = keyIdOf(token);
    if (!this.keys.has(kid)) await this.load();
    const key = this.keys.get(kid);
    if (!key) throw new UnauthorizedError("TOKEN_INVALID", "The access token is not one of this hub.");
    try {
      return jwt.verify(token, key, { algorithms: [ALGORITHM], issuer: ISSUER }) as unknown as AccessClaims;
    } catch (error) {
      if (error instanceof jwt.TokenExpiredError)
        throw new UnauthorizedError("TOKEN_EXPIRED", "The access token has expired.");
      throw new UnauthorizedError("TOKEN_INVALID", "The access token is not valid.");
    }
  }

  private loading: Promise<void> | null = null;
  private loadedAt = 0;

  /** At most once a second: a flood of tokens with made-up key ids must not become one of look-ups. */
  private load(): Promise<void> {
    if (this.keys.size > 0 && Date.now() - this.loadedAt < 1_000) return Promise.resolve();
    this.loading ??= this.fetchKeys()
      .then((jwks) => {
        this.keys = new Map(
          jwks.map((jwk) => [jwk.kid, createPublicKey({ key: { ...jwk }, format: "jwk" })]),
        );
        this.loadedAt = Date.now();
      })
      .finally(() => (this.loading = null));
    return this.loading;
  }
}
