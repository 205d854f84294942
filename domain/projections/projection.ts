import type { EventType, HubEvent } from "../../contracts/events";

/** One thing that an event says of a key; a key's facts are all that a read model knows of it. */
export interface Fact {
  /** The event that said it. */
  id: string;
  /** When it happened, ISO 8601. */
  at: string;
  [field: string]: unknown;
}

/** The facts of one key, by name. */
export type Facts = Readonly<Record<string, Fact>>;

/** Where a fact belongs: the key that it is of, and its name there (letters and digits). */
export interface Placed {
  key: string;
  name: string;
  fact: Fact;
}

/**
 * A read model: facts by key, and what is derived from them. The facts are a set that only grows, and of two
 * that have one name the older stays; so events may come twice and in any order, and end the same.
 */
export interface Projection {
  name: string;
  /** The types of the events that say anything to it. */
  takes: readonly EventType[];
  /** What an event says, or null. */
  factOf(event: HubEvent): Placed | null;
  /** The text that documents are counted by, where the read model is read as counts. */
  cellOf?(facts: Facts): string;
}

/** The facts with one more; the same object when it changes nothing. */
export function withFact(facts: Facts, { name, fact }: Placed): Facts {
  const known = facts[name];
  return known && !isOlder(fact, known) ? facts : { ...facts, [name]: fact };
}

/** The facts of what happened before `moment` (milliseconds). */
export const factsBefore = (facts: Facts, moment: number): Facts =>
  Object.fromEntries(Object.entries(facts).filter(([, { at }]) => Date.parse(at) < moment));

/** By time; of the same moment by id, so that it does not matter which came first. */
function isOlder(one: Fact, other: Fact): boolean {
  const [a, b] = [Date.parse(one.at), Date.parse(other.at)];
  return a === b ? one.id < other.id : a < b;
}
