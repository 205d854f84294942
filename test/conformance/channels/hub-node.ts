import { Adapters, Middleware } from "@moleculer/channels";
import { ServiceBroker, type Middleware as BrokerMiddleware, type ServiceSchema } from "moleculer";
import type {
  Delivery,
  GroupLag,
  HubAdapter,
  Outcome,
  PublishOptions,
  RetryPolicy,
} from "../../../channels/types";
import type { ChannelAdapter } from "./kit";

type Send = (channel: string, payload: unknown, options?: PublishOptions) => Promise<void>;

export type Handler = (payload: unknown, delivery: Delivery) => Promise<void> | void;
export type ManyHandler = (payloads: unknown[], deliveries: Delivery[]) => Promise<void | Outcome[]>;

export interface Subscription {
  group: string;
  channel: string;
  handler: Handler | ManyHandler;
  batch?: number;
  maxInFlight?: number;
  retry?: Partial<RetryPolicy>;
}

const MIDDLEWARES = {
  command: {
    schemaProperty: "commands",
    sendMethodName: "sendCommand",
    adapterPropertyName: "commandsAdapter",
    channelHandlerTrigger: "emitLocalCommandHandler",
  },
  event: {
    schemaProperty: "domainEvents",
    sendMethodName: "publishEvent",
    adapterPropertyName: "eventsAdapter",
    // `emitLocalEventHandler` is taken: it is a method of every Moleculer service.
    channelHandlerTrigger: "emitLocalDomainEventHandler",
  },
};

let nodes = 0;

/** A broker with both channel middlewares, one of which has the adapter under test. */
export class HubNode {
  private constructor(
    readonly broker: ServiceBroker,
    private readonly kind: "command" | "event",
    private readonly adapter: ChannelAdapter,
  ) {}

  static async start(
    adapter: ChannelAdapter,
    kind: "command" | "event",
    subscriptions: Subscription[] = [],
  ): Promise<HubNode> {
    const other = kind === "event" ? "command" : "event";
    const broker = new ServiceBroker({
      nodeID: `node-${process.pid}-${++nodes}`,
      logger: false,
      middlewares: [channels(kind, adapter), channels(other, new Adapters.Fake({}))],
    });
    for (const subscription of subscriptions) broker.createService(schemaOf(kind, subscription));
    await broker.start();
    return new HubNode(broker, kind, adapter);
  }

  publish(channel: string, payload: unknown, options: PublishOptions = {}): Promise<void> {
    const broker = this.broker as unknown as Record<string, Send>;
    return broker[MIDDLEWARES[this.kind].sendMethodName](channel, payload, options);
  }

  async lag(group: string): Promise<number> {
    const lags: GroupLag[] = await (this.adapter as unknown as HubAdapter).lag();
    return lags.filter((lag) => lag.group === group).reduce((sum, { lag }) => sum + lag, 0);
  }

  isUp(): boolean {
    return (this.adapter as unknown as HubAdapter).isUp();
  }

  drain(timeout: number): Promise<void> {
    return (this.adapter as unknown as HubAdapter).drain(timeout);
  }

  async stop(): Promise<void> {
    await this.broker.stop();
  }
}

function channels(kind: "command" | "event", adapter: ChannelAdapter): BrokerMiddleware {
  // The package types an adapter as a name, and its middleware by another version of Moleculer's types.
  return Middleware({
    ...MIDDLEWARES[kind],
    adapter: adapter as never,
    context: false,
  }) as unknown as BrokerMiddleware;
}

function schemaOf(kind: "command" | "event", { channel, group, ...options }: Subscription): ServiceSchema {
  const definition = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { name: group, [MIDDLEWARES[kind].schemaProperty]: { [channel]: { ...definition, group } } };
}
