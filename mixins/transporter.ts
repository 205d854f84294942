import type { Middleware, ServiceBroker } from "moleculer";
import { ConfigError } from "../contracts/errors";
import { within } from "./within";

/** How long a start waits for the transporter, in milliseconds. */
const FIRST_TRY_MS = 3_000;

/** How long the transporter may take to answer before it counts as away, in milliseconds. */
const ANSWER_MS = 1_000;

/** The packages of Moleculer's transporters that do not come with the hub, by the first word of their URL or name. */
const PACKAGES: Record<string, string> = {
  redis: "ioredis",
  rediss: "ioredis",
  amqp10: "rhea-promise",
  kafka: "kafka-node",
  mqtt: "mqtt",
  mqtts: "mqtt",
  stan: "node-nats-streaming",
};

/** @throws ConfigError when the package that a transporter needs is not installed */
export function expectPackageOf(transporter: string): void {
  const [scheme = ""] = /^\w+/.exec(transporter.toLowerCase()) ?? [];
  const name = PACKAGES[scheme];
  if (!name) return;
  try {
    require.resolve(name);
  } catch {
    throw new ConfigError(`TRANSPORTER: ${scheme} needs the package ${name}: npm install ${name}.`);
  }
}

/** What the types of Moleculer's transit leave out. */
interface Transit {
  connected: boolean;
  connect(): Promise<void>;
  /** The transporter; NATS' client can be asked for a round trip. */
  tx: { client?: { rtt?(): Promise<number> } | null };
}

const transitOf = (broker: ServiceBroker): Transit | null =>
  (broker as unknown as { transit: Transit | null }).transit;

/**
 * Whether the other nodes can be reached; true without a transporter. Moleculer does not notice when NATS goes
 * away, its client reconnects by itself: so the client is asked.
 */
export async function transporterIsUp(broker: ServiceBroker): Promise<boolean> {
  const transit = transitOf(broker);
  if (!transit) return true;
  if (!transit.connected) return false;
  const { client } = transit.tx;
  if (!client?.rtt) return true;
  const answered = client.rtt().then(
    () => true,
    () => false,
  );
  return within(ANSWER_MS, answered, false);
}

/**
 * Moleculer's start waits for its transporter as long as it takes. Ours goes on after a short while, without
 * the other nodes: a gateway then says what is missing, and a node that runs all services takes orders.
 * Moleculer goes on trying every five seconds; the other nodes learn of this one by its first heartbeat.
 */
export const patientTransporter: Middleware = {
  created(broker: ServiceBroker) {
    const transit = transitOf(broker);
    if (!transit) return;
    const connect = transit.connect.bind(transit);
    transit.connect = async () => {
      const connected = connect().then(() => true);
      if (await within(FIRST_TRY_MS, connected, false)) return;
      broker.getLogger("transit").warn("TRANSPORTER: no connection yet; trying again.");
    };
  },
};
