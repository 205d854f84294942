import { ServiceBroker } from "moleculer";
import type { HubAdapterBase } from "../../channels/base";
import type { BatchHandler, HubChannel, RetryPolicy } from "../../channels/types";
import type { Rig } from "../lib/rig";

/** One of the hub's adapters with a channel of its own, and what takes that channel away again. */
export interface Bench {
  adapter: HubAdapterBase;
  channel: string;
  remove(): Promise<void>;
}

/** A channel as the hub's services declare theirs: batches, many under way. */
export const subscription = (
  name: string,
  handler: BatchHandler,
  retry?: Partial<RetryPolicy>,
): Parameters<HubAdapterBase["subscribe"]>[0] => ({
  id: `bench.${name}`,
  name,
  group: `bench.${name}`,
  unsubscribing: false,
  context: false,
  handler,
  maxInFlight: 1_024,
  maxRetries: 0,
  deadLettering: null,
  ...({ batch: 256, ...(retry && { retry }) } satisfies Partial<HubChannel>),
});

/** Connects an adapter outside of a hub. */
export async function connect(adapter: HubAdapterBase): Promise<void> {
  const broker = new ServiceBroker({ logger: false });
  adapter.init(broker, broker.getLogger("bench"));
  await adapter.connect();
}

export async function rigOf({ adapter, channel, remove }: Bench): Promise<Rig> {
  await connect(adapter);
  return {
    async publish(messages) {
      await Promise.all(
        messages.map((message) =>
          adapter.publish(channel, message, { key: (message as { key: string }).key }),
        ),
      );
    },
    consume: (got) => adapter.subscribe(subscription(channel, async (payloads) => got(payloads.length))),
    async close() {
      await adapter.disconnect();
      await remove();
    },
  };
}
