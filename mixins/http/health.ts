import type { ServiceBroker } from "moleculer";
import { SERVICE_NAMES } from "../../config";
import { transporterIsUp } from "../transporter";

type State = "up" | "down";

export interface Readiness {
  status: "ok" | "degraded" | "unavailable";
  checks: {
    store: State;
    commands: State;
    events: State;
    transporter: State;
    services: Record<string, State>;
  };
}

const state = (up: boolean): State => (up ? "up" : "down");

/**
 * Whether this node can do its work: not without the store, nor without the services that it needs (a
 * gateway needs all). Without a broker or the transporter it is degraded: orders are still taken.
 */
export async function readiness(broker: ServiceBroker): Promise<Readiness> {
  const own = broker.hub.config.SERVICES;
  const needed = own.includes("api") ? SERVICE_NAMES : own;
  const available = new Set(
    (broker.registry.getServiceList({ onlyAvailable: true }) as { name: string }[]).map(({ name }) => name),
  );
  const services = Object.fromEntries(needed.map((name) => [name, state(available.has(name))]));
  const checks = {
    store: state(await broker.hub.database.ping().catch(() => false)),
    commands: state(broker.commandsAdapter.isUp()),
    events: state(broker.eventsAdapter.isUp()),
    transporter: state(await transporterIsUp(broker)),
    services,
  };
  const missing = checks.store === "down" || Object.values(services).includes("down");
  const degraded = [checks.commands, checks.events, checks.transporter].includes("down");
  return { status: missing ? "unavailable" : degraded ? "degraded" : "ok", checks };
}
