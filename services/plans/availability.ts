import type { ServiceBroker } from "moleculer";

const TTL_MS = 1_000;
/** The catalogue does not wait for inventory longer than this. */
const PATIENCE_MS = 500;

/**
 * How many seats of each plan are free, as `inventory` last said; null where there is no limit. At most one
 * call a second, whoever looks at the catalogue; placing an order does not look here.
 */
export class Availability {
  private known: { at: number; plans: Promise<Map<string, number | null>> } | null = null;

  constructor(private readonly broker: ServiceBroker) {}

  /** By plan; a plan that inventory does not know (yet), or cannot be asked about now, is not in it. */
  async all(): Promise<Map<string, number | null>> {
    if (!this.known || this.known.at + TTL_MS < Date.now())
      this.known = { at: Date.now(), plans: this.ask().catch(() => new Map()) };
    return this.known.plans;
  }

  /** The next look asks again. */
  forget(): void {
    this.known = null;
  }

  private async ask(): Promise<Map<string, number | null>> {
    const options = { timeout: PATIENCE_MS, retries: 0 };
    return new Map(
      await this.broker.call<[string, number | null][], object>("inventory.availability", {}, options),
    );
  }
}
