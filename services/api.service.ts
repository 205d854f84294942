import { readFile } from "node:fs/promises";
import type { Server, ServerResponse } from "node:http";
import { join } from "node:path";
import helmet from "helmet";
import type { Context } from "moleculer";
import { ROOT } from "../config/paths";
import { asyncapi } from "../contracts/asyncapi";
import { newId } from "../contracts/ids";
import { openapi } from "../contracts/openapi";
import { ROUTES } from "../contracts/routes";
import type { Told } from "../domain/notification";
import { checkBody, expectBody, JSON_BODY } from "../mixins/http/body";
import { HttpGateway, type Request } from "../mixins/http/gateway";
import { bearer, callerFrom, Guard, requireAdmin } from "../mixins/http/guard";
import { PROBES } from "../mixins/http/health-server";
import { defineService, HUB_STARTED, listener } from "../mixins/define-service";
import { lagOfMesh } from "../mixins/telemetry/lag";
import { hubError, sendProblem } from "../mixins/http/problem";
import { addressOf, RequestLimit } from "../mixins/http/rate-limit";
import type { HttpMeta } from "../mixins/http/request";
import { traceRequest } from "../mixins/telemetry/tracing-middleware";
import { answerUnreadable } from "../mixins/http/unreadable";
import { within } from "../mixins/within";
import { Sockets } from "./api/socket";
import { serveVendor } from "./api/vendor";

const PUBLIC_FOLDER = join(ROOT, "public");
const DRAIN_MS = 3_000;
const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

const aliases = Object.fromEntries(
  ROUTES.map(({ method, path, action, access, body }) => [
    `${method} ${path.slice(1)}`,
    { action, access, takesBody: body !== undefined },
  ]),
);

const securityHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      connectSrc: ["'self'", "ws:", "wss:"],
      imgSrc: ["'self'", "data:"],
      objectSrc: ["'none'"],
      frameAncestors: ["'none'"],
      baseUri: ["'self'"],
      formAction: ["'self'"],
    },
  },
  // Plain HTTP is how the hub starts on a laptop; the proxy in front adds HSTS.
  strictTransportSecurity: false,
});

/** A whole URL, as clients ask a proxy for it, is taken too (RFC 9112, 3.2.2): by its path. */
const originForm = (target: string): string => target.replace(/^https?:\/\/[^/?]*\/?/i, "/");

/** The HTTP gateway: JWT guard, rate limits, problem+json, socket.io and the pages. */
export default defineService(({ broker, config, metrics, requests, tracing }) => {
  const guard = new Guard(broker);
  const limit = new RequestLimit(config);
  const logger = broker.getLogger("api");
  let sockets: Sockets | null = null;
  /** Answers that are still to be sent. */
  const open = new Set<ServerResponse>();
  let draining = false;

  /** Its connection ends with this answer: nothing more comes in over it. */
  const closeAfter = (res: ServerResponse): void => void (res.shouldKeepAlive = false);

  /** Who asks, how much they may ask, whether they may ask this, and whether its body can be read. */
  async function admit(ctx: Context<unknown, HttpMeta>, req: Request): Promise<void> {
    const { access = "public" } = req.$alias ?? {};
    const address = addressOf(req, config.TRUST_PROXY);
    const token = bearer(req.headers.authorization);
    const known =
      token === undefined && access === "public"
        ? null
        : await guard.authenticate(token).catch((e: Error) => e);
    const claims = known instanceof Error ? null : known;
    await limit.request(claims ? `user:${claims.sub}` : `address:${address}`);
    if (access !== "public" && known instanceof Error) throw known;
    if (access === "admin" && claims) requireAdmin(claims);
    ctx.meta.user = claims && callerFrom(claims);
    ctx.meta.address = address;
    const key = req.headers["idempotency-key"];
    if (key !== undefined) ctx.meta.idempotencyKey = String(key);
    expectBody(req);
  }

  function fail(req: Request, res: ServerResponse, cause: unknown): void {
    const error = hubError(cause);
    if (!error)
      logger.error({ correlationId: req.$ctx?.requestID }, "A request failed by a bug of ours:", cause);
    sendProblem(res, error, req.$ctx?.meta.$responseHeaders);
  }

  const probe = (path: keyof typeof PROBES) => (_req: Request, res: ServerResponse) =>
    PROBES[path](broker, res);

  return {
    name: "api",
    mixins: [HttpGateway],
    settings: {
      port: config.PORT,
      logRequest: null,
      logResponse: null,
      ...(config.CORS_ORIGIN.length > 0 && {
        cors: {
          origin: config.CORS_ORIGIN,
          methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
          allowedHeaders: [
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "X-Correlation-Id",
            "traceparent",
          ],
          exposedHeaders: [
            "Location",
            "Retry-After",
            "X-Correlation-Id",
            "Idempotent-Replayed",
            "traceparent",
          ],
        },
      }),
      rootCallOptions(options: { requestID?: string; meta?: object }, req: Request, res: ServerResponse) {
        req.url = originForm(req.url ?? "/");
        const given = req.headers["x-correlation-id"];
        options.requestID = typeof given === "string" && CORRELATION_ID.test(given) ? given : newId();
        res.setHeader("X-Correlation-Id", options.requestID);
        // Here and not in `use`, which moleculer-web leaves out for static files.
        securityHeaders(req, res, () => undefined);
        const answered = requests.begin();
        open.add(res);
        res.once("close", () => {
          open.delete(res);
          answered();
        });
        if (draining) closeAfter(res);
        const route = (): string => req.$alias?.fullPath ?? "none";
        metrics.observe(req, res, route);
        if (tracing) options.meta = traceRequest(tracing, req, res, options.requestID, route);
      },
      routes: [
        {
          path: "/api",
          aliases,
          mappingPolicy: "restrict",
          mergeParams: false,
          bodyParsers: { json: JSON_BODY },
          admit,
          onBeforeCall: (_ctx: Context, _route: object, req: Request) => checkBody(req),
          logging: false,
        },
        {
          path: "/.well-known",
          aliases: { "GET jwks.json": "auth.jwks" },
          mappingPolicy: "restrict",
          mergeParams: false,
          logging: false,
        },
        {
          path: "/health",
          aliases: {
            "GET live": probe("/health/live"),
            "GET ready": probe("/health/ready"),
          },
          mappingPolicy: "restrict",
          logging: false,
        },
        {
          path: "/metrics",
          // With a METRICS_PORT the numbers are there alone, away from the public.
          aliases: config.METRICS_PORT === undefined ? { "GET /": probe("/metrics") } : {},
          mappingPolicy: "restrict",
          logging: false,
        },
        { path: "/vendor", use: [serveVendor()], mappingPolicy: "restrict", logging: false },
      ],
      assets: { folder: PUBLIC_FOLDER },
      onError: (req: Request, res: ServerResponse, error: unknown) => fail(req, res, error),
    },
    methods: {
      /** Takes no new connections, and ends each with the request that is under way; `DRAIN_MS` at most. */
      async drain() {
        const { server } = this as unknown as { server: Server };
        draining = true;
        open.forEach(closeAfter);
        sockets?.close();
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        await within(DRAIN_MS, closed, undefined);
        server.closeAllConnections();
      },
      /** In place of moleculer-web's, which logs every refused request as an error. */
      errorHandler(req: Request, res: ServerResponse, error: unknown) {
        fail(req, res, error);
      },
    },
    actions: {
      // The gateway's own action changes its request on the way: a second run would not find its path. What it
      // calls is retried by itself.
      rest: { retryPolicy: { enabled: false } },
      openapi: () => openapi(),
      asyncapi: () => asyncapi(),
      /** A page that reads the OpenAPI document. */
      docs: (ctx: Context<unknown, HttpMeta & { $responseType?: string }>) => {
        ctx.meta.$responseType = "text/html; charset=utf-8";
        return readFile(join(PUBLIC_FOLDER, "docs", "index.html"), "utf8");
      },
      /** The dashboard's read model. */
      stats: async () => {
        const [orders, deadLetters, dashboard, lag] = await Promise.all([
          broker.call<Record<string, unknown>>("orders.stats"),
          broker.call<number>("audit.openDeadLetters"),
          broker.call<unknown>("audit.dashboard"),
          lagOfMesh(broker),
        ]);
        return { ...orders, lag, deadLetters, dashboard };
      },
    },
    events: {
      [HUB_STARTED]: () => guard.start(),
      "tokens.revoked": listener((ctx: Context<Parameters<Guard["revoke"]>[0]>) => guard.revoke(ctx.params)),
      "notifications.told": listener((ctx: Context<Told[]>) => sockets?.tell(ctx.params)),
    },
    async started() {
      const { server } = this as unknown as { server: Server };
      answerUnreadable(server).on("connection", () => requests.connected());
      sockets = new Sockets(server, broker, guard, config.CORS_ORIGIN);
    },
    async stopped() {
      guard.stop();
      sockets?.close();
    },
  };
});
