import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Config } from "../../config";
import type { StoreAdapter } from "../../store/types";
import { lagByGroup } from "./lag";
import { Inbox } from "./metrics-inbox";
import { Counters, Histograms } from "./metrics-series";
import { backlogOf, type OutboxFields } from "../persistence/outbox";

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A count of all orders that took longer than this (ms) is left alone for so many times as long. */
const SLOW_MS = 250;
const REST = 50;
/** Of delays that retries and outages make: up to an hour. */
const LONG_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

interface OrderCounts {
  orders: Record<string, number>;
  stuck: number;
}

/**
 * What Prometheus reads from a node; docs/observability.md describes each. Numbers that come from the store
 * are told by the nodes that run the service they belong to, and read when they are asked for: between two
 * scrapes they cost nothing.
 */
export class Metrics {
  private readonly registry = new Registry();
  private readonly http = new Histograms(
    "hub_http_request_duration_seconds",
    "Time from a request to the end of its answer.",
    ["method", "route", "status"],
    BUCKETS,
  );
  readonly actions = new Histograms(
    "hub_action_duration_seconds",
    "Time that an action of a service took on this node.",
    ["action", "outcome"],
    BUCKETS,
  );
  readonly handlers = new Histograms(
    "hub_handler_duration_seconds",
    "Time that a consumer's handler took for one batch.",
    ["group", "channel", "outcome"],
    BUCKETS,
  );
  readonly messages = new Counters(
    "hub_handler_messages_total",
    "Messages that consumers' handlers were given.",
    ["group", "channel", "outcome"],
  );
  readonly delays = new Histograms(
    "hub_message_delay_seconds",
    "Age of the oldest message of a batch when its handler got it.",
    ["group", "channel"],
    LONG_BUCKETS,
  );
  readonly retries = new Counters("hub_retries_total", "Messages that came again after a failure.", [
    "group",
    "channel",
  ]);
  readonly deadLettered = new Counters("hub_dead_lettered_total", "Messages that were put aside.", [
    "group",
    "channel",
    "reason",
  ]);
  readonly store = new Histograms(
    "hub_store_duration_seconds",
    "Time that the store took to answer.",
    ["collection", "operation"],
    BUCKETS,
  );
  readonly spans = new Counters("hub_spans_total", "Spans of traces, by what became of them.", ["outcome"]);
  readonly sockets: Gauge;
  /** What the consumer groups of this node are working on. */
  readonly inbox = new Inbox();
  private readonly inboxPending: Gauge<"group">;
  private readonly inboxOldest: Gauge<"group">;
  private readonly orders: Gauge<"status">;
  private readonly pending: Gauge;
  private readonly oldest: Gauge;
  private readonly servicePending: Gauge<"service">;
  private readonly serviceOldest: Gauge<"service">;
  private readonly stuck: Gauge;
  private readonly lag: Gauge<"group">;
  private readonly deadLetters: Gauge;
  private readonly underWay: Gauge;
  private readonly dependencies: Gauge<"dependency">;
  private ordersRestUntil = 0;
  private readonly outboxes: { service: string; adapter: StoreAdapter<OutboxFields> }[] = [];

  constructor(
    private readonly broker: ServiceBroker,
    { SERVICES }: Config,
  ) {
    const registers = [this.registry];
    const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
      new Gauge<L>({ name, help, labelNames, registers });
    collectDefaultMetrics({ register: this.registry });
    this.underWay = gauge("hub_http_requests_in_flight", "Requests that wait for their answer on this node.");
    this.inboxPending = gauge("hub_inbox_pending", "Messages that a group works on, on this node.", [
      "group",
    ]);
    this.inboxOldest = gauge("hub_inbox_oldest_seconds", "How long a group has had the oldest of them.", [
      "group",
    ]);
    this.orders = gauge("hub_orders_total", "Orders in the store, by status.", ["status"]);
    this.pending = gauge("hub_outbox_pending", "Documents with messages that are not sent yet.");
    this.oldest = gauge("hub_outbox_oldest_seconds", "Age of the oldest message that is not sent yet.");
    this.servicePending = gauge("hub_service_outbox_pending", "hub_outbox_pending, by service.", ["service"]);
    this.serviceOldest = gauge(
      "hub_service_outbox_oldest_seconds",
      "hub_outbox_oldest_seconds, by service.",
      ["service"],
    );
    this.stuck = gauge("hub_sagas_stuck", "Orders that wait longer than their step's deadline.");
    this.lag = gauge("hub_consumer_lag", "Messages that a consumer group has not done yet.", ["group"]);
    this.deadLetters = gauge("hub_dead_letters", "Dead letters that are open.");
    this.sockets = gauge("hub_sockets", "Sockets that are connected to this node.");
    this.dependencies = gauge("hub_dependency_up", "1 while the node can use a backing service, else 0.", [
      "dependency",
    ]);
    gauge("hub_node_info", "1; the labels say which node this is.", ["node", "services"]).set(
      { node: broker.nodeID, services: SERVICES.join(",") },
      1,
    );
  }

  /** The content type of `text()`. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** All metrics in Prometheus' text format. What cannot be read now keeps its last value. */
  async text(): Promise<string> {
    const reads = [
      this.readOrders(),
      this.readOutboxes(),
      this.readDeadLetters(),
      this.readLag(),
      this.readNode(),
    ];
    await Promise.all(reads.map((read) => read.catch(() => null)));
    const { http, actions, handlers, messages, delays, retries, deadLettered, store, spans } = this;
    const counted = [http, actions, handlers, messages, delays, retries, deadLettered, store, spans];
    return `${await this.registry.metrics()}\n${counted.map((family) => family.text()).join("\n\n")}\n`;
  }

  /** Tells of the outboxes in a service's collection. */
  watchOutbox(service: string, adapter: StoreAdapter<OutboxFields>): void {
    this.outboxes.push({ service, adapter });
  }

  /** Observes a request when its answer has ended; `route` says which, once it is known. */
  observe(req: IncomingMessage, res: ServerResponse, route: () => string): void {
    const started = performance.now();
    res.once("close", () => this.http.of(req.method ?? "", route(), String(res.statusCode)).since(started));
  }

  private async readOrders(): Promise<void> {
    const started = performance.now();
    if (!this.broker.getLocalService("orders") || started < this.ordersRestUntil) return;
    const { orders, stuck } = await this.broker.call<OrderCounts>("orders.counts");
    const took = performance.now() - started;
    if (took > SLOW_MS) this.ordersRestUntil = started + took * REST;
    for (const [status, count] of Object.entries(orders)) this.orders.set({ status }, count);
    this.stuck.set(stuck);
  }

  private async readOutboxes(): Promise<void> {
    const services = new Map<string, { pending: number; oldest: number }>();
    await Promise.all(
      this.outboxes.map(async ({ service, adapter }) => {
        const { pending, oldestSeconds } = await backlogOf(adapter);
        const sum = services.get(service) ?? { pending: 0, oldest: 0 };
        services.set(service, {
          pending: sum.pending + pending,
          oldest: Math.max(sum.oldest, oldestSeconds),
        });
      }),
    );
    if (services.size === 0) return;
    for (const [service, { pending, oldest }] of services) {
      this.servicePending.set({ service }, pending);
      this.serviceOldest.set({ service }, oldest);
    }
    const all = [...services.values()];
    this.pending.set(all.reduce((sum, { pending }) => sum + pending, 0));
    this.oldest.set(Math.max(...all.map(({ oldest }) => oldest)));
  }

  private async readDeadLetters(): Promise<void> {
    if (this.broker.getLocalService("audit"))
      this.deadLetters.set(await this.broker.call<number>("audit.openDeadLetters"));
  }

  private async readLag(): Promise<void> {
    for (const [group, lag] of await lagByGroup(this.broker)) this.lag.set({ group }, lag);
  }

  private async readNode(): Promise<void> {
    const { hub, commandsAdapter, eventsAdapter } = this.broker;
    this.underWay.set(hub.requests.underWay);
    for (const [group, { pending, oldestMs }] of this.inbox.read()) {
      this.inboxPending.set({ group }, pending);
      this.inboxOldest.set({ group }, oldestMs / 1000);
    }
    const up = (dependency: string, isUp: boolean): void =>
      this.dependencies.set({ dependency }, isUp ? 1 : 0);
    up("commands", commandsAdapter.isUp());
    up("events", eventsAdapter.isUp());
    up("store", await hub.database.ping().catch(() => false));
  }
}
