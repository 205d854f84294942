import type { ServiceSchema } from "moleculer";
import DbService from "moleculer-db";
import type { StoreAdapter } from "../../store/types";

/** The actions that moleculer-db would publish on the mesh: documents are nobody's business but their service's. */
const ACTIONS = ["find", "count", "list", "create", "insert", "get", "update", "remove"];

/**
 * Gives a service its documents through moleculer-db: the mixin connects and disconnects the adapter with
 * the service. The further collections of a service, if any, come after the first.
 */
export function store(adapter: StoreAdapter, ...further: StoreAdapter[]): Partial<ServiceSchema> {
  return {
    mixins: [DbService as unknown as Partial<ServiceSchema>],
    // Not as a property of the mixin: Moleculer deep-clones those.
    merged(schema: ServiceSchema) {
      schema.adapter = adapter;
    },
    actions: Object.fromEntries(ACTIONS.map((name) => [name, false])),
    async started() {
      for (const collection of further) await collection.connect();
    },
    async stopped() {
      for (const collection of further) await collection.disconnect();
    },
  };
}
