/**
 * Every error of the hub, in one place. `code` is stable and part of the contract; `status` is the HTTP
 * status it becomes; `retryable` says whether trying again can help (a consumer retries only those).
 */

/** One bad field of a request or message: a JSON pointer (RFC 6901) and what was expected there. */
export interface FieldError {
  pointer: string;
  detail: string;
}

export interface ErrorDetails {
  [name: string]: unknown;
}

/** The base of all errors of the hub. */
export class HubError extends Error {
  /** Extra members that an answer carries beside `code` and `detail`. */
  readonly details: ErrorDetails;

  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    readonly retryable = false,
    details: ErrorDetails = {},
  ) {
    super(message);
    this.name = new.target.name;
    this.details = details;
  }
}

/** 400: the request or message breaks its schema. */
export class ValidationError extends HubError {
  constructor(
    readonly errors: FieldError[],
    message = "The request is not valid.",
  ) {
    super("VALIDATION_ERROR", 400, message, false, { errors });
  }

  /** The error of one field. */
  static of(pointer: string, detail: string): ValidationError {
    return new ValidationError([{ pointer, detail }]);
  }
}

/** 400: a page cursor that was not made by this hub. */
export class BadCursorError extends HubError {
  constructor() {
    super("BAD_CURSOR", 400, "The cursor `after` is not one that this list gave.");
  }
}

export type UnauthorizedCode =
  "TOKEN_MISSING" | "TOKEN_INVALID" | "TOKEN_EXPIRED" | "TOKEN_REVOKED" | "INVALID_CREDENTIALS";

/** 401: who asks is not known. */
export class UnauthorizedError extends HubError {
  constructor(code: UnauthorizedCode, message: string) {
    super(code, 401, message);
  }
}

/** 403: known, and not allowed. */
export class ForbiddenError extends HubError {
  constructor(message = "This call is for administrators.") {
    super("FORBIDDEN", 403, message);
  }
}

/** 404: there is no such thing, or it is somebody else's. */
export class NotFoundError extends HubError {
  constructor(what = "resource") {
    super("NOT_FOUND", 404, `There is no such ${what}.`);
  }
}

/** 405: the path exists, the method does not. */
export class MethodNotAllowedError extends HubError {
  constructor(readonly allow: string[]) {
    super("METHOD_NOT_ALLOWED", 405, `This path takes ${allow.join(", ")}.`);
  }
}

export type ConflictCode =
  | "EMAIL_TAKEN"
  | "NOT_CANCELLABLE"
  | "SEATS_IN_USE"
  | "PLAN_EXISTS"
  | "LAST_ADMIN"
  | "REPLAY_RUNNING"
  | "DEAD_LETTER_CLOSED"
  | "REDRIVE_OVER"
  | "ORDER_OVER"
  | "WRITE_CONFLICT";

/** 409: the request is fine, the state does not allow it. */
export class ConflictError extends HubError {
  constructor(code: ConflictCode, message: string) {
    // A lost race is won the next time; the other conflicts stay what they are.
    super(code, 409, message, code === "WRITE_CONFLICT");
  }
}

/** 413: more than the gateway reads. */
export class PayloadTooLargeError extends HubError {
  constructor(limit: string) {
    super("PAYLOAD_TOO_LARGE", 413, `A body may have at most ${limit}.`);
  }
}

/** 422: the fraud function scored the order above the limit; it is stored as REJECTED. */
export class FraudSuspectedError extends HubError {
  constructor(orderId: string) {
    super("FRAUD_SUSPECTED", 422, "The order was rejected by the fraud check.", false, { orderId });
  }
}

/** 422: an Idempotency-Key came again with another body. */
export class IdempotencyKeyReusedError extends HubError {
  constructor() {
    super("IDEMPOTENCY_KEY_REUSED", 422, "This Idempotency-Key was used with another body.");
  }
}

/** 429: slow down; `retryAfter` is in seconds. */
export class TooManyRequestsError extends HubError {
  constructor(readonly retryAfter: number) {
    super("TOO_MANY_REQUESTS", 429, "Too many requests.", true, { retryAfter });
  }
}

/** 503: the store did not take or give the data. Nothing was acknowledged. */
export class StoreUnavailableError extends HubError {
  constructor(message = "The store is not available.", options?: { cause?: unknown }) {
    super("STORE_UNAVAILABLE", 503, message, true);
    this.cause = options?.cause;
  }
}

/** 503: a message broker did not confirm. The outbox keeps the message and tries again. */
export class ChannelUnavailableError extends HubError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("CHANNEL_UNAVAILABLE", 503, message, true);
    this.cause = options?.cause;
  }
}

/** A document with this id, or this unique value, exists already. */
export class DuplicateKeyError extends HubError {
  constructor(collection: string, field = "_id") {
    super("DUPLICATE_KEY", 409, `${collection}: a document with this ${field} exists.`);
  }
}

/** Something failed that may work the next time: a provider's outage, a lost race. */
export class TransientError extends HubError {
  constructor(code: string, message: string) {
    super(code, 503, message, true);
  }
}

/** Something failed that will fail again: straight to the dead letters. */
export class PermanentError extends HubError {
  constructor(code: string, message: string) {
    super(code, 422, message);
  }
}

/** A setting of the environment that cannot be used; the start stops with this one line. */
export class ConfigError extends HubError {
  constructor(message: string) {
    super("CONFIG_ERROR", 500, message);
  }
}

/** Whether trying again can help. What is not an error of ours is taken as transient: a bug is retried, then put aside. */
export function isRetryable(error: unknown): boolean {
  return (error as { retryable?: boolean } | null)?.retryable ?? true;
}
