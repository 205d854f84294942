import type { IncomingMessage, ServerResponse } from "node:http";
import type { ActionHandler, ActionSchema, Context, Middleware, ServiceBroker } from "moleculer";
import {
  DEAD_LETTERS,
  type BatchHandler,
  type Delivery,
  type HubChannel,
  type Outcome,
} from "../../channels/types";
import { messageId, type MessageEnvelope } from "../../contracts/envelope";
import { TRACEPARENT } from "../../contracts/traceparent";
import { KIND, type Span, type Tracing } from "./tracing";

/** What `ctx.meta` has on its way through the mesh. */
export interface TraceMeta {
  traceparent?: string;
}

const isMessage = (payload: unknown): payload is MessageEnvelope =>
  typeof payload === "object" &&
  payload !== null &&
  typeof messageId(payload as MessageEnvelope) === "string";

/** Spans of actions and of messages that handlers work on. Without tracing nothing is wrapped. */
export const tracingMiddleware: Middleware = {
  name: "Tracing",

  localAction(this: ServiceBroker, next: ActionHandler, { name = "" }: ActionSchema): ActionHandler {
    // The gateway's own action is the request's span; the broker's own are there before the hub is.
    if (name === "api.rest" || name.startsWith("$")) return next;
    const { tracing } = this.hub;
    if (!tracing) return next;
    return async (ctx: Context<unknown, TraceMeta>): Promise<unknown> => {
      const { traceparent } = ctx.meta;
      const span = traceparent ? tracing.child(name, KIND.internal, traceparent, {}) : null;
      if (!span) return next(ctx as Context);
      ctx.meta.traceparent = span.traceparent;
      try {
        return await next(ctx as Context);
      } catch (error) {
        span.fail(error);
        throw error;
      } finally {
        // The caller gets the meta back, and calls others.
        ctx.meta.traceparent = traceparent;
        span.end();
      }
    };
  },

  localChannel(this: ServiceBroker, next: BatchHandler, { group, name }: HubChannel): BatchHandler {
    const { tracing } = this.hub;
    if (!tracing || name === DEAD_LETTERS) return next;

    const end = (span: Span, message: MessageEnvelope, error?: unknown): void => {
      tracing.handled(message, group);
      span.end(error);
    };
    return async (payloads: unknown[], deliveries: Delivery[]): Promise<void | Outcome[]> => {
      const spans: { index: number; span: Span; message: MessageEnvelope }[] = [];
      deliveries.forEach(({ headers, attempt }, index) => {
        const message = payloads[index];
        if (headers[TRACEPARENT] === undefined || !isMessage(message)) return;
        const span = tracing.handle(message, name, group, attempt, headers[TRACEPARENT]);
        if (span) spans.push({ index, span, message });
      });
      try {
        const outcomes = await next(payloads, deliveries);
        for (const { index, span, message } of spans) {
          const outcome = outcomes?.[index];
          if (outcome instanceof Promise)
            void outcome.then(
              (error) => end(span, message, error),
              (error: unknown) => end(span, message, error),
            );
          else end(span, message, outcome);
        }
        return outcomes;
      } catch (error) {
        for (const { span, message } of spans) end(span, message, error);
        throw error;
      }
    };
  },

  async stopped(broker: ServiceBroker): Promise<void> {
    await broker.hub.tracing?.stop();
  },
} as unknown as Middleware;

/**
 * The span of a call of the API, under the caller's where the request has a `traceparent`; the answer names it.
 * `route` says which call it is, once that is known. Returns what the request's context starts with.
 */
export function traceRequest(
  tracing: Tracing,
  req: IncomingMessage,
  res: ServerResponse,
  correlationId: string,
  route: () => string,
): TraceMeta {
  const { method = "" } = req;
  if (!req.url?.startsWith("/api/")) return {};
  const attributes = { "http.request.method": method, "hub.correlation_id": correlationId };
  const span = tracing.request(method, req.headers[TRACEPARENT], attributes);
  if (!span) return {};
  res.setHeader(TRACEPARENT, span.traceparent);
  res.once("close", () => {
    span.rename(`${method} ${route()}`);
    span.set({ "http.route": route(), "http.response.status_code": res.statusCode });
    if (res.statusCode >= 500) span.set({ "error.type": String(res.statusCode) });
    span.end();
  });
  return { traceparent: span.traceparent };
}
