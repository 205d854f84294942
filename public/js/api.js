import { session } from "./session.js";
import { wait } from "./format.js";

/** What the hub answered instead of what was asked for: RFC 9457, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail ?? problem.title ?? `The hub answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? (status === 0 ? "OFFLINE" : `HTTP_${status}`);
    /** Bad fields: `[{pointer: "/email", detail}]`. */
    this.fields = problem.errors ?? [];
    this.orderId = problem.orderId;
    /** Seconds until it makes sense to ask again. */
    this.retryAfter = problem.retryAfter;
    this.correlationId = problem.correlationId;
  }
}

/** Says `online` or `offline` as requests get answers or none. */
export const connection = new EventTarget();

async function request(method, path, { query, body, headers, signal, anyStatus } = {}) {
  if (session.token && session.isStale) await tryRefresh();
  const token = session.token;
  const response = await send(method, path, { query, body, headers, signal });
  if (response.status === 401 && token && (await isExpired(response)) && (await tryRefresh(token))) {
    return answer(await send(method, path, { query, body, headers, signal }), anyStatus);
  }
  return answer(response, anyStatus);
}

async function send(method, path, { query, body, headers, signal }) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  try {
    const response = await fetch(url, {
      method,
      signal,
      headers: {
        accept: "application/json, application/problem+json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(session.token ? { authorization: `Bearer ${session.token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    connection.dispatchEvent(new Event("online"));
    return response;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connection.dispatchEvent(new Event("offline"));
    throw new ApiError(0, { detail: "The hub does not answer. Check the connection and try again." });
  }
}

/** A wrong password is no end; an expired token that could not be refreshed for want of an answer isn't either. */
const ENDS_NOTHING = new Set(["INVALID_CREDENTIALS", "TOKEN_EXPIRED"]);

const NO_CONTENT = 204;

/** Told of an answer that is no JSON, as of a bad gateway: whether the hub was reached is open. */
const BAD_GATEWAY = 502;
const NOT_THE_HUB = {
  code: "NOT_THE_HUB",
  detail:
    "Something other than the hub answered, such as a network that wants you to sign in first. Check the connection and try again.",
};

async function answer(response, anyStatus = false) {
  const text = await response.text();
  const json = parse(text);
  if (response.status === NO_CONTENT) return null;
  if (json && (response.ok || anyStatus)) return json;
  if (response.ok) throw new ApiError(BAD_GATEWAY, NOT_THE_HUB);
  const problem = json ?? {};
  problem.correlationId = response.headers.get("x-correlation-id") ?? undefined;
  if (response.status === 401 && session.token && !ENDS_NOTHING.has(problem.code)) {
    session.end({ tell: false });
  }
  if (response.status === 429) {
    problem.retryAfter = Number(response.headers.get("retry-after")) || 1;
    problem.detail = `Too many requests. Try again in ${wait(problem.retryAfter)}.`;
  }
  throw new ApiError(response.status, problem);
}

// Cloned: the body is read again when the answer stands.
async function isExpired(response) {
  const problem = parse(await response.clone().text());
  return problem?.code === "TOKEN_EXPIRED" || problem?.code === "TOKEN_INVALID";
}

async function tryRefresh(stale) {
  try {
    return await session.refresh(stale);
  } catch {
    return false;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Calls under `/api`; each throws an `ApiError`. Options: `query`, `headers`, `signal`, `anyStatus`. */
export const api = {
  get: (path, options) => request("GET", path, options),
  post: (path, body, options) => request("POST", path, { ...options, body }),
  put: (path, body, options) => request("PUT", path, { ...options, body }),
  patch: (path, body, options) => request("PATCH", path, { ...options, body }),
  delete: (path, options) => request("DELETE", path, options),
};
