import { forgetRotation, keepRotation, lastRotation } from "./rotation.js";

/**
 * Who is signed in, in this tab and its siblings. Tokens lie in localStorage; a refresh token works once, so
 * tabs take turns (`navigator.locks`) and the late ones use what the first one got.
 */

const KEY = "hub.session";
const EARLY_MS = 30_000;

class Session extends EventTarget {
  #state = read();
  #timer = 0;
  #underWay = null;

  constructor() {
    super();
    addEventListener("storage", (event) => {
      if (event.key === KEY || event.key === null) this.#adopt(read());
    });
    this.#schedule();
  }

  get user() {
    return this.#state?.user ?? null;
  }
  get token() {
    return this.#state?.accessToken ?? null;
  }
  get isAdmin() {
    return this.user?.role === "admin";
  }

  /** Takes the answer of register or login. */
  start(answer) {
    this.#write(toState(answer));
  }

  /**
   * Takes a newer copy of the user, as `GET /api/auth/me` gives it. The token has the role too: a new role takes
   * a new token, and without an answer both stay. Another tab may have newer tokens.
   */
  setUser(user) {
    if (this.user?.role !== user.role) return this.refresh().catch(() => false);
    return withLock(() => {
      const stored = read();
      if (stored?.user.id === user.id) this.#write({ ...stored, user });
    });
  }

  /** Forgets the session; the server is told, but not waited for. */
  end({ tell = true } = {}) {
    const refreshToken = this.#state?.refreshToken;
    this.#write(null);
    void forgetRotation();
    if (tell && refreshToken) void post("/api/auth/logout", { refreshToken }).catch(() => undefined);
  }

  /** Whether the access token is over, or will be before an answer comes. */
  get isStale() {
    return this.#state !== null && Date.now() > this.#state.expiresAt - 5_000;
  }

  /**
   * A new access token in place of `stale`. True when there is one, false when the session is over; throws
   * when the hub does not answer, which ends nothing.
   */
  refresh(stale = this.token) {
    this.#underWay ??= withLock(() => this.#refresh(stale)).finally(() => (this.#underWay = null));
    return this.#underWay;
  }

  async #refresh(stale) {
    const stored = read();
    if (!stored) return this.#adopt(null);
    if (stored.accessToken !== stale) return this.#adopt(stored);
    const last = await lastRotation();
    if (last?.spent === stored.refreshToken) return this.#write(last.state);
    const response = await post("/api/auth/refresh", { refreshToken: stored.refreshToken });
    if (response.ok) {
      const state = toState(await response.json());
      await keepRotation(stored.refreshToken, state);
      // Signed out meanwhile: that stays so.
      return read() ? this.#write(state) : this.#adopt(null);
    }
    if (response.status !== 401 && response.status !== 400) throw new TypeError("refresh: no answer");
    return this.#write(null);
  }

  #write(state) {
    if (state) localStorage.setItem(KEY, JSON.stringify(state));
    else localStorage.removeItem(KEY);
    return this.#adopt(state);
  }

  /** Whether there is a session now. */
  #adopt(state) {
    const before = this.#state;
    this.#state = state;
    this.#schedule();
    if (before?.user?.id !== state?.user?.id || before?.user?.role !== state?.user?.role) {
      this.dispatchEvent(new Event("user"));
    }
    if (before?.accessToken !== state?.accessToken) this.dispatchEvent(new Event("token"));
    return state !== null;
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (!this.#state) return;
    const left = this.#state.expiresAt - Date.now();
    const early = Math.min(EARLY_MS, this.#state.ttl / 2);
    // Timers hold at most 2^31 ms, and a refresh that failed is not asked for again within 5 s.
    const wait = Math.min(Math.max(left - early, 5_000), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.refresh().catch(() => this.#schedule()), wait);
  }
}

function toState({ accessToken, refreshToken, expiresIn, user }) {
  const ttl = expiresIn * 1000;
  return { accessToken, refreshToken, ttl, expiresAt: Date.now() + ttl, user };
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

const post = (path, body) =>
  fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

// Browsers give locks to https and localhost only; elsewhere one tab at a time is the best there is.
const withLock = (work) => (navigator.locks ? navigator.locks.request("hub.refresh", work) : work());

export const session = new Session();
