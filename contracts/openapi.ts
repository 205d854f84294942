import { Type, type TSchema } from "@sinclair/typebox";
import * as ANSWERS from "./answers";
import { PageQuery } from "./api";
import * as E from "./errors";
import { exampleOf } from "./examples";
import { problemBody } from "./problem";
import { needsBody, ROUTES, type Route } from "./routes";

/** Each error that a call can answer with, as the program throws it. */
const PROBLEMS: readonly E.HubError[] = [
  E.ValidationError.of("/items/0/planId", "there is no plan gold"),
  new E.BadCursorError(),
  new E.HubError("BAD_REQUEST", 400, "The request cannot be read."),
  new E.UnauthorizedError("TOKEN_MISSING", "This call needs an access token (Authorization: Bearer ...)."),
  new E.UnauthorizedError("TOKEN_INVALID", "The access token is not valid."),
  new E.UnauthorizedError("TOKEN_EXPIRED", "The access token has expired."),
  new E.UnauthorizedError("TOKEN_REVOKED", "The access token has been revoked."),
  new E.UnauthorizedError("INVALID_CREDENTIALS", "E-mail address or password is wrong."),
  new E.ForbiddenError(),
  new E.NotFoundError("order"),
  new E.ConflictError("EMAIL_TAKEN", "There is an account with this e-mail address."),
  new E.ConflictError("NOT_CANCELLABLE", "The order is CANCELLED: it is over."),
  new E.ConflictError("SEATS_IN_USE", "3 seats of workshop are reserved."),
  new E.ConflictError("PLAN_EXISTS", "There is a plan pro already."),
  new E.ConflictError("LAST_ADMIN", "The last administrator can be neither demoted nor deleted."),
  new E.ConflictError("REPLAY_RUNNING", "A replay of this projection is running."),
  new E.ConflictError("DEAD_LETTER_CLOSED", "The dead letter is redriven already."),
  new E.ConflictError("REDRIVE_OVER", "The redrive is done already."),
  new E.ConflictError("ORDER_OVER", "The order is ACTIVE: nobody owes it a step."),
  new E.ConflictError("WRITE_CONFLICT", "Too many writers at once; try again."),
  new E.PayloadTooLargeError("100 kB"),
  new E.FraudSuspectedError("0199a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b"),
  new E.IdempotencyKeyReusedError(),
  new E.TooManyRequestsError(30),
  new E.HubError("INTERNAL_ERROR", 500, "Something went wrong on our side."),
  new E.StoreUnavailableError(),
  new E.TransientError(
    "SERVICE_UNAVAILABLE",
    "A service that is needed for this is not available; try again.",
  ),
];
const BY_CODE = new Map([
  ...PROBLEMS.map((error) => [error.code, error] as const),
  // The same code as the 400, of a body in a coding or character set that is not read.
  ["UNSUPPORTED_BODY", new E.HubError("BAD_REQUEST", 415, "The request cannot be read.")] as const,
]);

/** What any call of this kind can answer with, beside its own codes. */
function codesOf({ access, path, method, body, query, errors = [] }: Route): string[] {
  const paged = query && "after" in query.properties;
  return [
    ...(body || query || path.includes(":") ? ["VALIDATION_ERROR"] : []),
    "BAD_REQUEST",
    ...(paged ? ["BAD_CURSOR"] : []),
    ...(access === "public" ? [] : ["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"]),
    ...(access === "admin" ? ["FORBIDDEN"] : []),
    ...(path.includes(":") || path === "/auth/me" ? ["NOT_FOUND"] : []),
    ...(method === "GET" ? [] : ["PAYLOAD_TOO_LARGE", "UNSUPPORTED_BODY"]),
    ...errors,
    ...["TOO_MANY_REQUESTS", "INTERNAL_ERROR", "STORE_UNAVAILABLE", "SERVICE_UNAVAILABLE"],
  ].filter((code, i, all) => all.indexOf(code) === i);
}

/** Schemas that have a name in `components`; everything else stays where it is used. */
const NAMES = new Map<unknown, string>(
  Object.entries(ANSWERS).flatMap(([name, schema]) => (typeof schema === "function" ? [] : [[schema, name]])),
);

/** The schema with a `$ref` for each one that has a name; `top` is the one being named. */
function referred(schema: unknown, top?: unknown): unknown {
  const name = schema === top ? undefined : NAMES.get(schema);
  if (name) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(schema)) return schema.map((item) => referred(item, top));
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, referred(value, top)]));
}

const header = (name: string) => ({ $ref: `#/components/headers/${name}` });
const content = (media: string, schema: TSchema | undefined, example?: unknown) => ({
  content: {
    [media]: { schema: referred(schema ?? Type.String()), ...(example !== undefined && { example }) },
  },
});

/** One answer for each status, with an example for each code that it can carry. */
function problemAnswers(codes: string[]): Record<string, unknown> {
  const byStatus = new Map<number, E.HubError[]>();
  for (const code of codes) {
    const error = BY_CODE.get(code);
    if (!error) throw new Error(`openapi: no example of ${code}`);
    byStatus.set(error.status, [...(byStatus.get(error.status) ?? []), error]);
  }
  return Object.fromEntries([...byStatus].map(([status, errors]) => [String(status), problemAnswer(errors)]));
}

const problemAnswer = (errors: E.HubError[]) => {
  const status = errors[0]?.status ?? 500;
  return {
    description: errors.map(({ code }) => `\`${code}\``).join(", "),
    headers: {
      "X-Correlation-Id": header("X-Correlation-Id"),
      ...(status === 401 && { "WWW-Authenticate": header("WWW-Authenticate") }),
      ...([429, 503].includes(status) && { "Retry-After": header("Retry-After") }),
    },
    content: {
      "application/problem+json": {
        schema: { $ref: "#/components/schemas/Problem" },
        examples: Object.fromEntries(errors.map((error) => [error.code, { value: problemBody(error) }])),
      },
    },
  };
};

function goodAnswer({ action, status = 200, answer, media = "application/json" }: Route) {
  const headers = {
    "X-Correlation-Id": header("X-Correlation-Id"),
    ...((status === 201 || action === "orders.place") && { Location: header("Location") }),
    ...(action === "orders.place" && { "Idempotent-Replayed": header("Idempotent-Replayed") }),
  };
  const example = answer && answer !== ANSWERS.Document ? exampleOf(answer) : undefined;
  return {
    description: status === 202 ? "Accepted" : status === 204 ? "Done" : status === 201 ? "Created" : "OK",
    headers,
    ...(status !== 204 && content(media, answer, example)),
  };
}

/** A query's numbers come as text, so its schema speaks of text: here they are what they mean. */
const LIMIT = { type: "integer", minimum: 1, maximum: 200, default: 50 };
function parametersOf({ path, query, action }: Route): unknown[] {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  return [
    ...names.map((name) => ({ name, in: "path", required: true, schema: { type: "string", minLength: 1 } })),
    ...Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
      name,
      in: "query",
      schema: name === "limit" && schema === PageQuery.properties.limit ? LIMIT : schema,
    })),
    ...(action === "orders.place" ? [{ $ref: "#/components/parameters/Idempotency-Key" }] : []),
    { $ref: "#/components/parameters/X-Correlation-Id" },
    { $ref: "#/components/parameters/traceparent" },
  ];
}

function operation(route: Route, tag = route.path.split("/")[1] ?? "") {
  const { action, access, summary, body } = route;
  const tags = [access === "admin" ? "admin" : tag.includes(".") || tag === "docs" ? "about" : tag];
  const status = String(route.status ?? 200);
  return {
    operationId: action,
    tags,
    summary,
    security: access === "public" ? [] : [{ bearer: [] }],
    parameters: parametersOf(route),
    ...(body && {
      requestBody: {
        required: needsBody(route),
        ...content("application/json", body, exampleOf(body, "", true)),
      },
    }),
    responses: { [status]: goodAnswer(route), ...problemAnswers(codesOf(route)) },
  };
}

/** Calls outside `/api`: no token, no rate limit, no problem documents. */
function besideApi() {
  const get = (operationId: string, summary: string, responses: Record<string, unknown>) => ({
    get: { operationId, summary, tags: ["operations"], security: [], responses },
  });
  const ok = (schema: TSchema, description = "OK") => ({
    description,
    headers: { "X-Correlation-Id": header("X-Correlation-Id") },
    ...content("application/json", schema, exampleOf(schema)),
  });
  const { Keys, Liveness, Readiness } = ANSWERS;
  return {
    "/.well-known/jwks.json": get("auth.jwks", "The public keys of access tokens", {
      200: ok(Keys),
      ...problemAnswers(["STORE_UNAVAILABLE", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR"]),
    }),
    "/health/live": get("health.live", "The process answers", { 200: ok(Liveness) }),
    "/health/ready": get("health.ready", "The node can do its work", {
      200: ok(Readiness, "`ok`, or `degraded`: orders are still taken"),
      503: ok(Readiness, "`unavailable`"),
    }),
    "/metrics": get("metrics", "Prometheus' text format; with METRICS_PORT on that port alone", {
      200: { description: "OK", ...content("text/plain", undefined) },
    }),
  };
}

function build() {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of ROUTES) {
    const path = `/api${route.path.replace(/:(\w+)/g, "{$1}")}`;
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  const text = { type: "string" };
  return {
    openapi: "3.1.0",
    info: {
      title: "Subscription Hub",
      version: "1.0.0",
      description:
        "Plans, orders and what comes of them. An order is accepted at once (202) and never lost or charged " +
        "twice; everything else happens in the background. Errors are RFC 9457 problems: programs go by `code`.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(Object.values(paths).flatMap(tagsOf)), "operations"].map((name) => ({ name })),
    paths: { ...paths, ...besideApi() },
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: Object.fromEntries([...NAMES].map(([schema, name]) => [name, referred(schema, schema)])),
      parameters: {
        "Idempotency-Key": {
          name: "Idempotency-Key",
          in: "header",
          description:
            "The same key and body again give the first answer again. Keys belong to their user and last for ever.",
          schema: { ...text, minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7E]+$" },
        },
        "X-Correlation-Id": {
          name: "X-Correlation-Id",
          in: "header",
          description: "Used if it is well-formed; otherwise a new one is made.",
          schema: { ...text, pattern: "^[A-Za-z0-9._:-]{1,128}$" },
        },
        traceparent: {
          name: "traceparent",
          in: "header",
          description:
            "W3C Trace Context. Where the hub traces, it goes on with it and answers with its own.",
          schema: { ...text, pattern: "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" },
        },
      },
      headers: {
        "X-Correlation-Id": { description: "Follows the request through every message.", schema: text },
        Location: { description: "The path of what was created.", schema: text },
        "Idempotent-Replayed": { description: "`true`: this is the first answer again.", schema: text },
        "WWW-Authenticate": { description: "`Bearer` (RFC 6750).", schema: text },
        "Retry-After": { description: "Seconds.", schema: { type: "integer", minimum: 0 } },
      },
    },
  };
}

const tagsOf = (methods: Record<string, unknown>): string[] =>
  Object.values(methods).flatMap((method) => (method as { tags: string[] }).tags);

let document: ReturnType<typeof build> | null = null;

/** The OpenAPI 3.1 document of the REST API, made once. */
export const openapi = (): ReturnType<typeof build> =>
  (document ??= JSON.parse(JSON.stringify(build())) as ReturnType<typeof build>);
