import type { IncomingMessage, ServerResponse } from "node:http";
import type { Middleware, ServiceBroker } from "moleculer";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { BatchHandler, Delivery, HubChannel, Outcome } from "../channels/types";

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface OrderStats {
  orders: Record<string, number>;
  outbox: { pending: number; oldestSeconds: number };
  stuck: number;
}

/**
 * What Prometheus reads from a node. Numbers that come from the store are told by the nodes that run the
 * service they belong to, and read when they are asked for.
 */
export class Metrics {
  private readonly registry = new Registry();
  readonly http: Histogram<"method" | "route" | "status">;
  readonly handlers: Histogram<"group" | "channel" | "outcome">;
  private readonly orders: Gauge<"status">;
  private readonly pending: Gauge;
  private readonly oldest: Gauge;
  private readonly stuck: Gauge;
  private readonly lag: Gauge<"group">;
  private readonly deadLetters: Gauge;
  readonly sockets: Gauge;

  constructor(private readonly broker: ServiceBroker) {
    const { registry } = this;
    const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
      new Gauge<L>({ name, help, labelNames, registers: [registry] });
    collectDefaultMetrics({ register: registry });
    this.http = new Histogram({
      name: "hub_http_request_duration_seconds",
      help: "Time from a request to the end of its answer.",
      labelNames: ["method", "route", "status"],
      buckets: BUCKETS,
      registers: [registry],
    });
    this.handlers = new Histogram({
      name: "hub_handler_duration_seconds",
      help: "Time that a consumer's handler took for one batch.",
      labelNames: ["group", "channel", "outcome"],
      buckets: BUCKETS,
      registers: [registry],
    });
    this.orders = gauge("hub_orders_total", "Orders in the store, by status.", ["status"]);
    this.pending = gauge("hub_outbox_pending", "Orders with messages that are not sent yet.");
    this.oldest = gauge("hub_outbox_oldest_seconds", "Age of the oldest message that is not sent yet.");
    this.stuck = gauge("hub_sagas_stuck", "Orders that wait longer than their step's deadline.");
    this.lag = gauge("hub_consumer_lag", "Messages that a consumer group has not done yet.", ["group"]);
    this.deadLetters = gauge("hub_dead_letters", "Dead letters that are open.");
    this.sockets = gauge("hub_sockets", "Sockets that are connected to this node.");
  }

  /** The content type of `text()`. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** All metrics in Prometheus' text format. What cannot be read now keeps its last value. */
  async text(): Promise<string> {
    await Promise.all(
      [this.readOrders(), this.readDeadLetters(), this.readLag()].map((read) => read.catch(() => null)),
    );
    return this.registry.metrics();
  }

  /** Observes a request when its answer has ended; `route` says which, once it is known. */
  observe(req: IncomingMessage, res: ServerResponse, route: () => string): void {
    const end = this.http.startTimer();
    res.once("close", () =>
      end({ method: req.method ?? "", route: route(), status: String(res.statusCode) }),
    );
  }

  private async readOrders(): Promise<void> {
    if (!this.broker.getLocalService("orders")) return;
    const { orders, outbox, stuck } = await this.broker.call<OrderStats>("orders.stats");
    for (const [status, count] of Object.entries(orders)) this.orders.set({ status }, count);
    this.pending.set(outbox.pending);
    this.oldest.set(outbox.oldestSeconds);
    this.stuck.set(stuck);
  }

  private async readDeadLetters(): Promise<void> {
    if (this.broker.getLocalService("audit"))
      this.deadLetters.set(await this.broker.call<number>("audit.openDeadLetters"));
  }

  private async readLag(): Promise<void> {
    const both = await Promise.all([this.broker.commandsAdapter.lag(), this.broker.eventsAdapter.lag()]);
    const sums = new Map<string, number>();
    for (const { group, lag } of both.flat()) sums.set(group, (sums.get(group) ?? 0) + lag);
    for (const [group, lag] of sums) this.lag.set({ group }, lag);
  }
}

/** Times every consumer's handler. */
export const handlerMetrics: Middleware = {
  name: "HandlerMetrics",
  localChannel(this: ServiceBroker, next: BatchHandler, chan: HubChannel): BatchHandler {
    return async (payloads: unknown[], deliveries: Delivery[]): Promise<void | Outcome[]> => {
      const end = this.hub.metrics.handlers.startTimer({ group: chan.group, channel: chan.name });
      try {
        const outcomes = await next(payloads, deliveries);
        end({ outcome: "done" });
        return outcomes;
      } catch (error) {
        end({ outcome: "failed" });
        throw error;
      }
    };
  },
} as unknown as Middleware;
