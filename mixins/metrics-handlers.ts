import type { ActionHandler, ActionSchema, Context, Middleware, ServiceBroker } from "moleculer";
import {
  DEAD_LETTERS,
  type BatchHandler,
  type Delivery,
  type HubChannel,
  type Outcome,
} from "../channels/types";
import type { DeadLetter } from "../contracts/dead-letter";

/** The age (seconds) of the oldest message; null where none says when it was made. */
function oldest(payloads: unknown[], now: number): number | null {
  let since = Infinity;
  for (const payload of payloads) {
    const { timestamp } = (payload ?? {}) as { timestamp?: unknown };
    const time = typeof timestamp === "string" ? Date.parse(timestamp) : NaN;
    if (time < since) since = time;
  }
  return since === Infinity ? null : Math.max(0, now - since) / 1000;
}

/** Counts, times and ages of what the consumers' handlers are given. */
export const handlerMetrics: Middleware = {
  name: "HandlerMetrics",
  localChannel(this: ServiceBroker, next: BatchHandler, chan: HubChannel): BatchHandler {
    const { metrics } = this.hub;
    const labels = { group: chan.group, channel: chan.name };
    const count = (outcome: "done" | "failed", messages: number): void => {
      if (messages > 0) metrics.messages.inc({ ...labels, outcome }, messages);
    };

    /** A promised outcome is counted when it is known, and holds the batch in the inbox until then. */
    function settle(outcomes: void | Outcome[], messages: number, left: () => void): void {
      const promised: Promise<unknown>[] = [];
      let failed = 0;
      for (const outcome of outcomes ?? []) {
        if (outcome instanceof Promise)
          promised.push(
            outcome.then(
              (error) => count(error ? "failed" : "done", 1),
              () => count("failed", 1),
            ),
          );
        else if (outcome) failed++;
      }
      count("failed", failed);
      count("done", messages - failed - promised.length);
      if (promised.length === 0) left();
      else void Promise.all(promised).then(left);
    }

    return async (payloads: unknown[], deliveries: Delivery[]): Promise<void | Outcome[]> => {
      const age = oldest(payloads, Date.now());
      if (age !== null) metrics.delays.observe(labels, age);
      const again = deliveries.filter(({ attempt }) => attempt > 1).length;
      if (again > 0) metrics.retries.inc(labels, again);
      if (chan.name === DEAD_LETTERS)
        for (const { service, channel, reason } of payloads as DeadLetter[])
          metrics.deadLettered.inc({ group: service, channel, reason });
      const left = metrics.inbox.take(chan.group, payloads.length);
      const end = metrics.handlers.startTimer(labels);
      try {
        const outcomes = await next(payloads, deliveries);
        end({ outcome: "done" });
        settle(outcomes, payloads.length, left);
        return outcomes;
      } catch (error) {
        end({ outcome: "failed" });
        count("failed", payloads.length);
        left();
        throw error;
      }
    };
  },
} as unknown as Middleware;

/** Times every action that runs here; the gateway's own is the HTTP request, which has a metric of its own. */
export const actionMetrics: Middleware = {
  name: "ActionMetrics",
  localAction(this: ServiceBroker, next: ActionHandler, { name = "" }: ActionSchema): ActionHandler {
    if (name === "api.rest" || name.startsWith("$")) return next;
    const { actions } = this.hub.metrics;
    const done = { action: name, outcome: "done" };
    const failed = { action: name, outcome: "failed" };
    return async (ctx: Context): Promise<unknown> => {
      const started = performance.now();
      try {
        const answer: unknown = await next(ctx);
        actions.observe(done, (performance.now() - started) / 1000);
        return answer;
      } catch (error) {
        actions.observe(failed, (performance.now() - started) / 1000);
        throw error;
      }
    };
  },
} as unknown as Middleware;
