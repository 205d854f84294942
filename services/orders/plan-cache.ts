import type { ServiceBroker } from "moleculer";
import type { PlanBody } from "../../contracts/api";

const TTL_MS = 5_000;

/**
 * Plans as `plans` last told them, so that placing an order reads nothing. `plans.changed` invalidates one;
 * after `TTL_MS` each is read again, in case that event was lost.
 */
export class PlanCache {
  private readonly known = new Map<string, { plan: PlanBody; until: number }>();

  constructor(private readonly broker: ServiceBroker) {}

  /** Those of `ids` that exist. */
  async get(ids: string[]): Promise<Map<string, PlanBody>> {
    const now = Date.now();
    const found = new Map<string, PlanBody>();
    const missing: string[] = [];
    for (const id of ids) {
      const entry = this.known.get(id);
      if (entry && entry.until > now) found.set(id, entry.plan);
      else missing.push(id);
    }
    if (missing.length > 0) {
      const plans = await this.broker.call<PlanBody[], { ids: string[] }>("plans.prices", { ids: missing });
      for (const plan of plans) {
        this.known.set(plan.id, { plan, until: now + TTL_MS });
        found.set(plan.id, plan);
      }
    }
    return found;
  }

  forget(id: string): void {
    this.known.delete(id);
  }
}
