import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Errors } from "moleculer";
import {
  HubError,
  MethodNotAllowedError,
  NotFoundError,
  PayloadTooLargeError,
  TransientError,
  ValidationError,
} from "../../contracts/errors";
import { problemBody, type Problem } from "../../contracts/problem";
import { MISSING_BODY, missingBody } from "./body";

/** The error of ours that `error` is, wherever it came from; null for a bug. */
export function hubError(error: unknown): HubError | null {
  if (error instanceof HubError) return error;
  const { type, status, code = status } = error as { type?: string; status?: number; code?: unknown };
  if (type === "entity.too.large") return new PayloadTooLargeError("100 kB");
  if (type === MISSING_BODY) return missingBody();
  if (type === "entity.parse.failed") return ValidationError.of("", "the body is not JSON");
  if (type === "NOT_FOUND") return new NotFoundError();
  if (error instanceof URIError || type === "UNABLE_DECODE_PARAM")
    return ValidationError.of("", "the path is not well-formed");
  if (
    error instanceof Errors.ServiceNotFoundError ||
    error instanceof Errors.ServiceNotAvailableError ||
    error instanceof Errors.RequestTimeoutError ||
    error instanceof Errors.RequestRejectedError ||
    error instanceof Errors.QueueIsFullError ||
    (error as Error).name === "ServiceUnavailableError"
  )
    return new TransientError(
      "SERVICE_UNAVAILABLE",
      "A service that is needed for this is not available; try again.",
    );
  // zlib's codes: the body says that it is compressed, and is not.
  if (typeof code === "string" && code.startsWith("Z_"))
    return ValidationError.of("", "the body cannot be decompressed");
  // moleculer-web and body-parser, of a request that they refuse: `code` in the one, `status` in the other.
  if (typeof code === "number" && code >= 400 && code < 500)
    return new HubError("BAD_REQUEST", code, "The request cannot be read.");
  return null;
}

/** The codes of an access token that came and is no good (RFC 6750). */
const SENT_A_TOKEN = new Set(["TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"]);

/** What goes over the wire; a bug tells nothing of itself. */
export function problemOf(error: HubError | null): { problem: Problem; headers: Record<string, string> } {
  const known = error ?? new HubError("INTERNAL_ERROR", 500, "Something went wrong on our side.");
  const headers: Record<string, string> = {};
  // By its details: one that came over the mesh has no class of its own.
  // RFC 9110: a 401 says how to do better.
  if (known.status === 401)
    headers["WWW-Authenticate"] = SENT_A_TOKEN.has(known.code) ? 'Bearer error="invalid_token"' : "Bearer";
  if (known.status === 429) headers["Retry-After"] = String(known.details.retryAfter);
  else if (known.status === 503) headers["Retry-After"] = "1";
  if (known instanceof MethodNotAllowedError) headers.Allow = known.allow.join(", ");
  return { problem: problemBody(known), headers };
}

/** Answers with JSON that no cache keeps. */
export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" });
  res.end(JSON.stringify(body));
}

/** Answers with an error of ours, or of null with that of a bug; an answer that has begun just ends. */
export function sendProblem(
  res: ServerResponse,
  error: HubError | null,
  more: OutgoingHttpHeaders = {},
): void {
  if (res.headersSent) return void res.end();
  const { problem, headers } = problemOf(error);
  const type = "application/problem+json; charset=utf-8";
  res.writeHead(problem.status, { ...more, ...headers, "Content-Type": type });
  res.end(JSON.stringify(problem));
}
