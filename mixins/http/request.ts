import type { Context } from "moleculer";
import type { TSchema, Static } from "@sinclair/typebox";
import type { Role } from "../../contracts/events";
import { UnauthorizedError } from "../../contracts/errors";
import { newId } from "../../contracts/ids";
import { parse } from "../../contracts/validate";
import type { Cause } from "../persistence/aggregates";
import type { TraceMeta } from "../telemetry/tracing-middleware";

/** Who asks, as the gateway read it from the access token. */
export interface Caller {
  id: string;
  role: Role;
  /** The session (refresh token family) that the token belongs to. */
  sessionId: string;
}

/** What the gateway gives an action. */
export interface HttpParams {
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
}

export interface HttpMeta {
  user?: Caller | null;
  /** Where the request came from. */
  address?: string;
  idempotencyKey?: string;
  $statusCode?: number;
  $responseHeaders?: Record<string, string>;
  $location?: string;
}

export type HttpContext = Context<HttpParams, HttpMeta>;

/** @throws UnauthorizedError when nobody is signed in */
export function callerOf(ctx: HttpContext): Caller {
  if (!ctx.meta.user) throw new UnauthorizedError("TOKEN_MISSING", "Sign in first.");
  return ctx.meta.user;
}

/** The request as the cause of what comes of it. Its correlation id is Moleculer's requestID. */
export function causeOf(ctx: Context): Cause {
  const { traceparent } = ctx.meta as TraceMeta;
  return {
    id: newId(),
    correlationId: ctx.requestID ?? ctx.id,
    ...(traceparent && { trace: traceparent }),
  };
}

/** @throws ValidationError with the fields */
export const bodyOf = <S extends TSchema>(ctx: HttpContext, schema: S): Static<S> =>
  parse(schema, ctx.params.body ?? {});

/** @throws ValidationError with the fields */
export const queryOf = <S extends TSchema>(ctx: HttpContext, schema: S): Static<S> =>
  parse(schema, ctx.params.query ?? {});

export const idOf = (ctx: HttpContext): string => ctx.params.params?.id ?? "";

/** Sets the status, and headers if any, of the answer. */
export function answer<T>(
  ctx: HttpContext,
  status: number,
  body: T,
  headers: Record<string, string> = {},
): T {
  ctx.meta.$statusCode = status;
  ctx.meta.$responseHeaders = { ...ctx.meta.$responseHeaders, ...headers };
  return body;
}
