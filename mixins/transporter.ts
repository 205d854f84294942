import type { Middleware, ServiceBroker } from "moleculer";

/** How long a start waits for the transporter, in milliseconds. */
const FIRST_TRY_MS = 3_000;

/** What the types of Moleculer's transit leave out. */
interface Transit {
  connect(): Promise<void>;
}

/**
 * Moleculer's start waits for its transporter as long as it takes. Ours goes on after a short while, without
 * the other nodes: a gateway then says what is missing, and a node that runs all services takes orders.
 * Moleculer goes on trying every five seconds; the other nodes learn of this one by its first heartbeat.
 */
export const patientTransporter: Middleware = {
  created(broker: ServiceBroker) {
    const { transit } = broker as unknown as { transit: Transit | null };
    if (!transit) return;
    const connect = transit.connect.bind(transit);
    transit.connect = async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          broker.getLogger("transit").warn("TRANSPORTER: no connection yet; trying again.");
          resolve();
        }, FIRST_TRY_MS);
      });
      await Promise.race([connect(), late]);
      clearTimeout(timer);
    };
  },
};
