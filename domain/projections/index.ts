import { catalogue } from "./catalogue";
import { dashboard } from "./dashboard";
import type { Projection } from "./projection";

/** The read models that the event store feeds, by name. Each can be built again. */
export const PROJECTIONS: ReadonlyMap<string, Projection> = new Map(
  [dashboard, catalogue].map((projection) => [projection.name, projection]),
);
