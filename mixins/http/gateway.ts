import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, ServiceSchema } from "moleculer";
import ApiGateway from "moleculer-web";
import { MethodNotAllowedError, NotFoundError } from "../../contracts/errors";
import type { Route } from "../../contracts/routes";
import type { HttpMeta } from "./request";

/** A request on its way through moleculer-web. */
export interface Request extends IncomingMessage {
  /** The path without its query and its last slash. */
  parsedUrl?: string;
  $alias?: Alias;
  /** As it was parsed. */
  body?: unknown;
  $ctx?: Context<unknown, HttpMeta>;
}

/** One call of a route, as moleculer-web keeps it: what was given with its action is in it. */
interface Alias {
  access?: Route["access"];
  takesBody?: boolean;
  method: string;
  fullPath: string;
  match(path: string): object | false;
}

/** The parts of moleculer-web that are used here; its types leave them out. */
interface Gateway {
  aliases: Alias[];
  corsHandler(settings: object, req: Request, res: ServerResponse): boolean;
}
interface GatewayRoute {
  opts: {
    /** Lets a request in, before its body is read; one without `$alias` asks for what is not there. */
    admit?(ctx: Context<unknown, HttpMeta>, req: Request): Promise<void>;
  };
}
interface Methods {
  corsHandler(this: Gateway, settings: object, req: Request, res: ServerResponse): boolean;
  resolveAlias(this: Gateway, path: string, method?: string): { alias: Alias } | false;
  routeHandler(
    this: Gateway,
    ctx: Context<unknown, HttpMeta>,
    route: GatewayRoute,
    req: Request,
    res: ServerResponse,
    found?: { alias: Alias },
  ): Promise<unknown>;
}
const { methods: own } = ApiGateway as unknown as { methods: Methods };

/** The methods that a path takes; empty when there is no such path. */
function methodsOf(aliases: Alias[], path: string): string[] {
  const methods = aliases.filter((alias) => alias.match(path)).map(({ method }) => method);
  if (methods.length === 0) return [];
  return [...new Set([...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"])];
}

const methods: Methods = {
  /** HEAD runs what GET runs; Node leaves the body out. */
  resolveAlias(path, method) {
    return own.resolveAlias.call(this, path, method === "HEAD" ? "GET" : method);
  },

  /** An origin that is not allowed gets its answer without a word of CORS: browsers keep that from its pages. */
  corsHandler(settings, req, res) {
    try {
      return own.corsHandler.call(this, settings, req, res);
    } catch (error) {
      if ((error as { type?: string }).type !== "ORIGIN_NOT_ALLOWED") throw error;
      return false;
    }
  },

  /** Below the path of a route nothing else is served: else an unknown path would fall to the pages. */
  async routeHandler(ctx, route, req, res, found) {
    // First, so that a page of another origin can read an error too.
    if (this.corsHandler(route, req, res)) return true;
    const asks = req.method !== "OPTIONS";
    if (found && asks) req.$alias = found.alias;
    if (asks) await route.opts.admit?.(ctx, req);
    if (!found || !asks) {
      const allow = methodsOf(this.aliases, req.parsedUrl ?? "");
      if (allow.length > 0) {
        if (asks) throw new MethodNotAllowedError(allow);
        res.writeHead(204, { Allow: allow.join(", ") }).end();
        return true;
      }
    }
    const answered = await own.routeHandler.call(this, ctx, route, req, res, found);
    if (answered === null) throw new NotFoundError();
    return answered;
  },
};

/**
 * moleculer-web, with what HTTP asks for beyond it: HEAD, OPTIONS and 405 for every path that it has; and who may
 * not make a call hears so before its body is read.
 */
export const HttpGateway = {
  mixins: [ApiGateway as unknown as ServiceSchema],
  methods,
} as unknown as ServiceSchema;
