import type { EventData } from "../../contracts/events";
import { derivedId } from "../../contracts/ids";
import type { Facts, Projection } from "./projection";

/** A plan as it was for sale from one moment on. */
export interface PlanVersion extends Omit<EventData<"PlanChanged">, "planId"> {
  /** ISO 8601. */
  from: string;
}

/** What each plan was and cost at any time, one document a plan. */
export const catalogue: Projection = {
  name: "catalogue",
  takes: ["PlanPublished", "PlanChanged"],
  factOf(event) {
    if (event.eventType !== "PlanPublished" && event.eventType !== "PlanChanged") return null;
    const { planId, name, price, interval, seats } = event.data;
    const { eventId: id, timestamp: at, sequence } = event;
    return {
      key: planId,
      // Every change is a fact of its own; an event's id may have any characters.
      name: derivedId(id),
      fact: { id, at, sequence, name, price, interval, seats },
    };
  },
};

/** The versions of a plan, oldest first. */
export const versionsOf = (facts: Facts): PlanVersion[] =>
  Object.values(facts)
    .sort((a, b) => Number(a.sequence) - Number(b.sequence) || a.at.localeCompare(b.at))
    .map(
      ({ at: from, name, price, interval, seats }) => ({ from, name, price, interval, seats }) as PlanVersion,
    );
