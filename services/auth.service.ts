import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { LoginBody, PageQuery, RefreshBody, RegisterBody, RoleBody } from "../contracts/api";
import { ConflictError, NotFoundError, UnauthorizedError } from "../contracts/errors";
import type { Role } from "../contracts/events";
import { newId } from "../contracts/ids";
import type { Now } from "../domain/types";
import { aggregates, Aggregates, type Cause } from "../mixins/persistence/aggregates";
import { atStart } from "../mixins/at-start";
import type { Revocation } from "../mixins/http/guard";
import { defineService } from "../mixins/define-service";
import { newestFirst } from "../mixins/persistence/paging";
import { LoginLimit } from "../mixins/http/rate-limit";
import { answer, bodyOf, callerOf, causeOf, idOf, queryOf, type HttpContext } from "../mixins/http/request";
import { Sweep } from "../mixins/sweep";
import { makePrivateKey, TokenSigner } from "../mixins/http/tokens";
import type { Document } from "../store/types";

interface User extends Document {
  /** Lower case; gone when the user is deleted. */
  email?: string;
  name?: string | null;
  passwordHash?: string;
  role: Role;
  /** Tokens and sessions of a lower version are not good any more, */
  tokenVersion: number;
  /** since this moment (ms). */
  tokensEndedAt?: number;
  createdAt: string;
  deletedAt?: string;
}

/** A family of refresh tokens: each is good for one turn; an old one that comes again ends the family. */
interface Session extends Document {
  userId: string;
  tokenVersion: number;
  /** The turn whose token is good. */
  turn: number;
  /** Milliseconds since the epoch, as is `endedAt`. */
  expiresAt: number;
  endedAt?: number;
}

interface SigningKey extends Document {
  pem: string;
}

/** Who the administrators are, in one document: so that two of them cannot demote each other at once. */
interface Roster extends Document {
  ids: string[];
}

const ROSTER = "admins";
const FORGET_MS = 3_600_000;

const endTokens = ({ tokenVersion }: User, now: Now) => ({
  tokenVersion: tokenVersion + 1,
  tokensEndedAt: now.ms,
});
const view = ({ _id: id, email = "", name = null, role, createdAt }: User) => ({
  id,
  email,
  name,
  role,
  createdAt,
});

/** Users, credentials, tokens and roles. */
export default defineService(({ broker, config, database }) => {
  const users = new Aggregates<User>(broker, "auth", {
    name: "users",
    indexes: [
      { fields: ["email"], unique: true, sparse: true },
      { fields: ["-createdAt", "-_id"] },
      { fields: ["tokensEndedAt"], sparse: true },
    ],
  });
  const sessions = database.adapter<Session>({
    name: "sessions",
    indexes: [{ fields: ["expiresAt"] }, { fields: ["endedAt"], sparse: true }],
  });
  const keys = database.adapter<SigningKey>({ name: "signing_keys" });
  const rosters = database.adapter<Roster>({ name: "rosters" });
  const limit = new LoginLimit(config, database);
  let signer: TokenSigner | null = null;
  /** Verified for unknown addresses too, so that the time of an answer does not tell who has an account. */
  let decoy = "";

  async function signing(): Promise<TokenSigner> {
    if (signer) return signer;
    let pem = config.JWT_PRIVATE_KEY;
    if (!pem) {
      // The first node to store its key wins; every node then signs with that one.
      await keys.insertEach([{ _id: "access", pem: makePrivateKey() }]);
      pem = (await keys.findById("access"))?.pem ?? makePrivateKey();
    }
    return (signer = new TokenSigner(pem, config.JWT_ACCESS_TTL));
  }

  async function issue(user: User, session: Session) {
    const claims = { sub: user._id, role: user.role, sid: session._id, ver: user.tokenVersion };
    const tokens = await signing();
    return {
      user: view(user),
      accessToken: tokens.sign(claims),
      refreshToken: tokens.signRefresh({ sid: session._id, turn: session.turn }),
      expiresIn: config.JWT_ACCESS_TTL,
    };
  }

  async function openSession(user: User) {
    const session: Session = {
      _id: newId(),
      userId: user._id,
      tokenVersion: user.tokenVersion,
      turn: 0,
      expiresAt: Date.now() + config.JWT_REFRESH_TTL * 1000,
    };
    await sessions.insert(session);
    return issue(user, session);
  }

  const lifetime = config.JWT_ACCESS_TTL * 1000;
  const ofSession = ({ _id, endedAt = 0 }: Session): Revocation => ({ _id, until: endedAt + lifetime });
  const ofUser = ({ _id, tokenVersion: minVersion, tokensEndedAt = 0 }: User): Revocation => ({
    _id,
    minVersion,
    until: tokensEndedAt + lifetime,
  });

  /** The gateways hear of it at once; should that get lost, they ask for `revocations`. */
  function tellRevoked(revocation: Revocation): void {
    void broker.broadcast("tokens.revoked", [revocation]);
  }

  /** What ended before its time, and lies in the documents themselves: it is stored with what ended it. */
  async function revocations(): Promise<Revocation[]> {
    const since = Date.now() - lifetime;
    const [ended, changed] = await Promise.all([
      sessions.find({ query: { endedAt: { $gt: since } } }),
      users.adapter.find({ query: { tokensEndedAt: { $gt: since } } }),
    ]);
    return [...ended.map(ofSession), ...changed.map(ofUser)];
  }

  async function endSession(session: Session): Promise<void> {
    const ended = { ...session, endedAt: Date.now() };
    await sessions.updateEach([
      {
        query: { _id: session._id, endedAt: { $exists: false } },
        update: { $set: { endedAt: ended.endedAt } },
      },
    ]);
    tellRevoked(ofSession(ended));
  }

  async function createUser(body: RegisterBody, role: Role, cause: Cause): Promise<User> {
    const state: User = {
      _id: newId(),
      email: body.email.toLowerCase(),
      name: body.name ?? null,
      passwordHash: await hash(body.password),
      role,
      tokenVersion: 1,
      createdAt: new Date().toISOString(),
    };
    const { _id: userId } = state;
    const created = await users.create(
      { state, messages: [{ event: "UserRegistered", data: { userId, role } }] },
      cause,
    );
    if (!created) throw new ConflictError("EMAIL_TAKEN", "There is an account with this e-mail address.");
    return state;
  }

  async function login(ctx: HttpContext) {
    const { email, password } = bodyOf(ctx, LoginBody);
    const user = await users.adapter.findOne({ email: email.toLowerCase() });
    const good = await limit.attempt(email, ctx.meta.address ?? "", async () => {
      const right = await verify(user?.passwordHash ?? (decoy ||= await hash(newId())), password);
      return right && user !== null;
    });
    if (!user || !good)
      throw new UnauthorizedError("INVALID_CREDENTIALS", "E-mail address or password is wrong.");
    const { _id: userId } = user;
    await users.change(
      userId,
      causeOf(ctx),
      (state) => state && { state, messages: [{ event: "UserLoggedIn", data: { userId } }] },
    );
    return openSession(user);
  }

  async function refresh(ctx: HttpContext) {
    const invalid = new UnauthorizedError("TOKEN_INVALID", "The refresh token is not valid.");
    const { sid, turn } = (await signing()).readRefresh(bodyOf(ctx, RefreshBody).refreshToken);
    const session = await sessions.findById(sid);
    if (!session) throw invalid;
    const user = await users.get(session.userId);
    if (!user || user.deletedAt) throw invalid;
    if (session.endedAt || session.tokenVersion < user.tokenVersion)
      throw new UnauthorizedError("TOKEN_REVOKED", "This session has ended.");
    if (session.expiresAt <= Date.now())
      throw new UnauthorizedError("TOKEN_EXPIRED", "The refresh token has expired.");
    const next = { turn: turn + 1, expiresAt: Date.now() + config.JWT_REFRESH_TTL * 1000 };
    const [rotated] = await sessions.updateEach([
      { query: { _id: sid, turn, endedAt: { $exists: false } }, update: { $set: next } },
    ]);
    if (!rotated) {
      // A token that was used before: stolen, or sent twice. Nobody goes on with this family.
      await endSession(session);
      throw new UnauthorizedError(
        "TOKEN_REVOKED",
        "This refresh token was used before; the session has ended.",
      );
    }
    return issue(user, { ...session, ...next });
  }

  /** The session of a refresh token, whichever turn it was good for; empty where it is none of ours. */
  function sessionOf(tokens: TokenSigner, refreshToken: string): string {
    try {
      return tokens.readRefresh(refreshToken).sid;
    } catch {
      return "";
    }
  }

  async function setRole(ctx: HttpContext) {
    const { role } = bodyOf(ctx, RoleBody);
    const userId = idOf(ctx);
    const by = callerOf(ctx).id;
    const before = await users.get(userId);
    if (!before || before.deletedAt) throw new NotFoundError("user");
    if (role === "user") await leaveRoster(userId);
    const user = await users.change(userId, causeOf(ctx), (state, now) => {
      if (!state || state.deletedAt || state.role === role) return null;
      return {
        state: { ...state, role, ...(role === "user" && endTokens(state, now)) },
        messages: [{ event: "UserRoleChanged", data: { userId, role, by } }],
      };
    });
    if (!user || user.deletedAt) throw new NotFoundError("user");
    // Listed last: until the change is stored there is no administrator to count.
    if (role === "admin") await enterRoster(userId);
    else if (user.tokensEndedAt) tellRevoked(ofUser(user));
    return view(user);
  }

  const enterRoster = (userId: string) =>
    rosters.updateEach([{ query: { _id: ROSTER }, update: { $addToSet: { ids: userId } } }]);

  /** Takes somebody off the list of administrators, unless nobody would be left on it. */
  async function leaveRoster(userId: string): Promise<void> {
    const others = { _id: ROSTER, ids: userId, "ids.1": { $exists: true } };
    const [left] = await rosters.updateEach([{ query: others, update: { $pull: { ids: userId } } }]);
    const { ids = [] } = (await rosters.findById(ROSTER)) ?? {};
    if (left) {
      // Who was demoted while still being promoted may be listed, and counts for nobody.
      if ((await users.adapter.findByIds(ids)).some(({ role }) => role === "admin")) return;
      await enterRoster(userId);
    }
    if (left || ids.includes(userId))
      throw new ConflictError("LAST_ADMIN", "The last administrator can be neither demoted nor deleted.");
  }

  async function remove(ctx: HttpContext) {
    const userId = idOf(ctx);
    const by = callerOf(ctx).id;
    const known = await users.get(userId);
    if (!known || known.deletedAt) throw new NotFoundError("user");
    await leaveRoster(userId);
    const user = await users.change(userId, causeOf(ctx), (state, now) => {
      if (!state || state.deletedAt) return null;
      const { email: _email, name: _name, passwordHash: _hash, ...rest } = state;
      const gone: User = { ...rest, role: "user", ...endTokens(state, now), deletedAt: now.at };
      return { state: gone, messages: [{ event: "UserDeleted", data: { userId, by } }] };
    });
    if (user) tellRevoked(ofUser(user));
    return answer(ctx, 204, null);
  }

  /** The first start makes an administrator; its password is told once, on the console. */
  async function firstAdmin(): Promise<void> {
    await rosters.insertEach([{ _id: ROSTER, ids: [] }]);
    if (((await rosters.findById(ROSTER))?.ids.length ?? 0) > 0) return;
    const cause: Cause = { id: "first-start", correlationId: "first-start" };
    const password = config.ADMIN_PASSWORD ?? randomBytes(12).toString("base64url");
    try {
      const { _id } = await createUser({ email: config.ADMIN_EMAIL, password }, "admin", cause);
      await enterRoster(_id);
      if (!config.ADMIN_PASSWORD)
        process.stdout.write(
          `\n  Administrator: ${config.ADMIN_EMAIL}  password: ${password}  (shown once)\n\n`,
        );
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      // Another node made it at the same moment, or a crash came between: it is an administrator, list it.
      const admin = await users.adapter.findOne({ email: config.ADMIN_EMAIL.toLowerCase() });
      if (admin?.role === "admin") await enterRoster(admin._id);
    }
  }

  const forgetting = new Sweep(broker, "auth.sessions", FORGET_MS, async () => {
    await sessions.removeMany({ expiresAt: { $lte: Date.now() } });
  });
  return {
    name: "auth",
    mixins: [aggregates(users, [], [sessions, keys, rosters]), forgetting.mixin],
    actions: {
      register: async (ctx: HttpContext) => {
        const user = await createUser(bodyOf(ctx, RegisterBody), "user", causeOf(ctx));
        ctx.meta.$location = "/api/auth/me";
        return answer(ctx, 201, await openSession(user));
      },
      login,
      refresh,
      logout: async (ctx: HttpContext) => {
        const tokens = await signing();
        const session = await sessions.findById(sessionOf(tokens, bodyOf(ctx, RefreshBody).refreshToken));
        if (session) await endSession(session);
        return answer(ctx, 204, null);
      },
      me: async (ctx: HttpContext) => {
        const user = await users.get(callerOf(ctx).id);
        if (!user || user.deletedAt) throw new NotFoundError("user");
        return view(user);
      },
      jwks: async () => ({ keys: [(await signing()).jwk] }),

      list: async (ctx: HttpContext) => {
        const page = await newestFirst(
          "users",
          users.adapter,
          { deletedAt: { $exists: false } },
          queryOf(ctx, PageQuery),
        );
        return { ...page, items: page.items.map(view) };
      },
      setRole,
      remove,

      /** What gateways must refuse although it has not expired. */
      revocations: {
        visibility: "public",
        handler: revocations,
      },
    },
    started: () =>
      atStart(broker.getLogger("auth"), async () => {
        await signing();
        await firstAdmin();
      }),
  };
});
