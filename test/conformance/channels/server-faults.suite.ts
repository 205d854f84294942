import { numberOf, type Harness } from "./harness";
import type { ServerControl } from "./kit";
import type { Use } from "./channels.suite";

const FAULTS: [string, (server: ServerControl) => Promise<void>][] = [
  [
    "is killed and started again",
    async (server) => {
      await server.kill();
      await server.start();
    },
  ],
  ["restarts", (server) => server.restart()],
  [
    "answers nothing for a while",
    async (server) => {
      await server.pause();
      await moment(1_500);
      await server.resume();
    },
  ],
  [
    "cannot be reached for a while",
    async (server) => {
      await server.cut();
      await moment(500);
      await server.heal();
    },
  ],
];

/** How long a fault lasts: the length of the fault itself, not a wait for something to happen. */
const moment = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A server that fails under load may delay messages; it loses none that it confirmed. */
export function serverConformance(use: Use): void {
  it.each(FAULTS)(
    "loses nothing that was confirmed when the server %s",
    async (_name, fault) => {
      const hub = use();
      const load = await Load.start(hub);
      await hub.until(() => load.got.size > 50);

      await fault(hub.kit.server as ServerControl);

      const confirmed = load.confirmed.size;
      await hub.until(() => load.confirmed.size > confirmed + 20);
      await load.stop();
      await hub.until(() => [...load.confirmed].every((n) => load.got.has(n)));
    },
    90_000,
  );
}

/** Publishes and consumes, a few messages a millisecond, until it is stopped. */
class Load {
  readonly confirmed = new Set<number>();
  readonly got = new Set<number>();
  private readonly publishing = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | null = null;
  private next = 0;

  static async start(hub: Harness): Promise<Load> {
    const load = new Load();
    const handler = async (payloads: unknown[]) => payloads.forEach((one) => load.got.add(numberOf(one)));
    const node = await hub.node({ group: hub.group(), channel: hub.channel, handler, batch: 32 });
    load.timer = setInterval(() => {
      if (load.publishing.size > 500) return;
      for (let i = 0; i < 5; i++) {
        const n = load.next++;
        const one: Promise<void> = node
          .publish(hub.channel, { n }, { key: `k${n % 50}` })
          .then(
            () => void load.confirmed.add(n),
            () => undefined,
          )
          .then(() => void load.publishing.delete(one));
        load.publishing.add(one);
      }
    }, 5);
    return load;
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await Promise.all(this.publishing);
  }
}
