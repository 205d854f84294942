import type { Context, ServiceBroker, ServiceSchema } from "moleculer";
import type { Config } from "../config";
import type { BatchHandler, HubAdapter, PublishOptions, RetryPolicy } from "../channels/types";
import type { Database } from "../store/types";
import { lagAction } from "./telemetry/lag";
import type { Metrics } from "./telemetry/metrics";
import type { Tracing } from "./telemetry/tracing";
import type { Requests } from "./http/requests-first";

/** What one node gives its services beside the broker. */
export interface Hub {
  config: Config;
  database: Database;
  metrics: Metrics;
  /** Null unless a collector is set. */
  tracing: Tracing | null;
  requests: Requests;
}

/**
 * Local event: the channels are connected, messages can be sent. Moleculer's own `$broker.started` comes
 * before the channels.
 */
export const HUB_STARTED = "$hub.started";

/** A channel as a service declares it; see `HubChannel` for what the fields mean. */
interface ChannelDefinition<T> {
  group?: string;
  batch: number;
  maxInFlight: number;
  linger?: number;
  retry?: Partial<RetryPolicy>;
  handler: BatchHandler<T>;
}

declare module "moleculer" {
  interface ServiceBroker {
    hub: Hub;
    sendCommand(channel: string, payload: unknown, options?: PublishOptions): Promise<void>;
    publishEvent(channel: string, payload: unknown, options?: PublishOptions): Promise<void>;
    commandsAdapter: HubAdapter;
    eventsAdapter: HubAdapter;
  }
  interface ServiceSchema {
    commands?: Record<string, ChannelDefinition<never>>;
    domainEvents?: Record<string, ChannelDefinition<never>>;
  }
}

/**
 * A service of the hub: a function of its broker, so that one file serves many nodes of one process and
 * what it holds is typed without `this`.
 */
export function defineService(
  build: (node: Hub & { broker: ServiceBroker }) => ServiceSchema,
): (broker: ServiceBroker) => ServiceSchema {
  return (broker) => {
    const schema = build({ broker, ...broker.hub });
    const consumes = schema.commands !== undefined || schema.domainEvents !== undefined;
    return consumes
      ? { ...schema, actions: { ...schema.actions, lag: lagAction(broker, schema.name) } }
      : schema;
  };
}

/** An event handler that gets the context, said outright: otherwise Moleculer guesses by the argument's name. */
export const listener = <P>(handler: (ctx: Context<P>) => void) => ({ context: true as const, handler });
