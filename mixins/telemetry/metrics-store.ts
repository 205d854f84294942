import type { CollectionOptions, Database, Document, StoreAdapter } from "../../store/types";
import type { Metrics } from "./metrics";

const OPERATIONS = [
  "find",
  "findOne",
  "findById",
  "findByIds",
  "count",
  "insert",
  "insertMany",
  "updateMany",
  "updateById",
  "removeMany",
  "removeById",
  "insertEach",
  "updateEach",
  "groupBy",
] as const satisfies (keyof StoreAdapter)[];

type Operation = (...parameters: unknown[]) => Promise<unknown>;

/**
 * The database, with every operation of its adapters timed. An operation that is made of another one of the
 * same adapter counts as both.
 */
export function timed(database: Database, metrics: Metrics): Database {
  return Object.create(database, {
    adapter: {
      value: <D extends Document>(options: CollectionOptions): StoreAdapter<D> => {
        const adapter = database.adapter<D>(options);
        const operations = adapter as unknown as Record<string, Operation>;
        for (const operation of OPERATIONS) {
          const run = operations[operation]!.bind(adapter);
          const times = metrics.store.of(options.name, operation);
          operations[operation] = async (...parameters) => {
            const started = performance.now();
            try {
              return await run(...parameters);
            } finally {
              times.since(started);
            }
          };
        }
        return adapter;
      },
    },
  }) as Database;
}
