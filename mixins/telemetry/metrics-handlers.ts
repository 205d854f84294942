import type { ActionHandler, ActionSchema, Context, Middleware, ServiceBroker } from "moleculer";
import {
  DEAD_LETTERS,
  type BatchHandler,
  type Delivery,
  type HubChannel,
  type Outcome,
} from "../../channels/types";
import type { DeadLetter } from "../../contracts/dead-letter";

/** The age (seconds) of the oldest message; null where none says when it was made. */
function oldest(payloads: unknown[]): number | null {
  let least: string | null = null;
  for (const payload of payloads) {
    const { timestamp } = (payload ?? {}) as { timestamp?: unknown };
    // ISO 8601 in UTC, as all of ours are: the text is enough to compare.
    if (typeof timestamp === "string" && (least === null || timestamp < least)) least = timestamp;
  }
  const age = least === null ? NaN : Date.now() - Date.parse(least);
  return Number.isNaN(age) ? null : Math.max(0, age) / 1_000;
}

/** Counts, times and ages of what the consumers' handlers are given. */
export const handlerMetrics: Middleware = {
  name: "HandlerMetrics",
  localChannel(this: ServiceBroker, next: BatchHandler, chan: HubChannel): BatchHandler {
    const { metrics } = this.hub;
    const { group, name: channel } = chan;
    const delays = metrics.delays.of(group, channel);
    const retries = metrics.retries.of(group, channel);
    const messages = {
      done: metrics.messages.of(group, channel, "done"),
      failed: metrics.messages.of(group, channel, "failed"),
    };
    const batches = {
      done: metrics.handlers.of(group, channel, "done"),
      failed: metrics.handlers.of(group, channel, "failed"),
    };

    /** A promised outcome is counted when it is known, and holds the batch in the inbox until then. */
    function settle(outcomes: void | Outcome[], count: number, left: () => void): void {
      const promised: Promise<unknown>[] = [];
      let failed = 0;
      for (const outcome of outcomes ?? []) {
        if (outcome instanceof Promise)
          promised.push(
            outcome.then(
              (error) => messages[error ? "failed" : "done"].inc(),
              () => messages.failed.inc(),
            ),
          );
        else if (outcome) failed++;
      }
      messages.failed.inc(failed);
      messages.done.inc(count - failed - promised.length);
      if (promised.length === 0) left();
      else void Promise.all(promised).then(left);
    }

    const countLetters = (letters: DeadLetter[], outcomes: void | Outcome[]): void =>
      letters.forEach((letter, i) => {
        // What broke the contract of a letter has no service to count it for; its own letter has.
        if (!outcomes?.[i]) metrics.deadLettered.of(letter.service, letter.channel, letter.reason).inc();
      });

    return async (payloads: unknown[], deliveries: Delivery[]): Promise<void | Outcome[]> => {
      const age = oldest(payloads);
      if (age !== null) delays.observe(age);
      for (const { attempt } of deliveries) if (attempt > 1) retries.inc();
      const left = metrics.inbox.take(group, payloads.length);
      const started = performance.now();
      try {
        const outcomes = await next(payloads, deliveries);
        batches.done.since(started);
        if (channel === DEAD_LETTERS) countLetters(payloads as DeadLetter[], outcomes);
        settle(outcomes, payloads.length, left);
        return outcomes;
      } catch (error) {
        batches.failed.since(started);
        messages.failed.inc(payloads.length);
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
    const done = actions.of(name, "done");
    const failed = actions.of(name, "failed");
    return async (ctx: Context): Promise<unknown> => {
      const started = performance.now();
      try {
        const answer: unknown = await next(ctx);
        done.since(started);
        return answer;
      } catch (error) {
        failed.since(started);
        throw error;
      }
    };
  },
} as unknown as Middleware;
