import { createHash } from "node:crypto";
import stringify from "safe-stable-stringify";

/** One event in a seal: its id, and the digest of what it says. */
export interface Leaf {
  id: string;
  digest: string;
}

/**
 * A seal over the events of one stretch of the event store. Seals form a chain: each hash covers the one
 * before, so nobody can change an old one without changing all that follow.
 */
export interface Seal {
  /** Counts from 1. */
  number: number;
  /** UTC day in which the events came in, `2026-01-31`; a seal never spans two. */
  day: string;
  /** It covers the positions above `after`, up to `upTo`. */
  after: number;
  upTo: number;
  /** In the order of their positions. */
  leaves: Leaf[];
  /** Events of earlier stretches that came in after those were sealed. */
  late: Leaf[];
  previous: string;
  hash: string;
}

/** What is not as it was sealed. `eventId` names the event where one is to blame. */
export interface Flaw {
  kind: "changed" | "removed" | "added" | "seal";
  eventId?: string;
  detail: string;
}

/** What comes before the first seal. */
export const GENESIS = "0".repeat(64);

/** SHA-256 of an event as the store has it, whatever the order of its fields. */
export const digestOf = (entry: object): string =>
  createHash("sha256")
    .update(stringify(entry) ?? "")
    .digest("base64url");

/** The hash of a seal over everything else in it. */
export function hashOf({ number, day, after, upTo, leaves, late, previous }: Omit<Seal, "hash">): string {
  const hash = createHash("sha256").update(JSON.stringify([previous, number, day, after, upTo]));
  for (const { id, digest } of leaves) hash.update(JSON.stringify([id, digest]));
  hash.update("late");
  for (const { id, digest } of late) hash.update(JSON.stringify([id, digest]));
  return hash.digest("hex");
}

export const sealed = (seal: Omit<Seal, "hash">): Seal => ({ ...seal, hash: hashOf(seal) });

/** The UTC day of a moment (milliseconds), `2026-01-31`. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** What is wrong with a seal itself, given the one before it (null: it is the first). */
export function sealFlaws(seal: Seal, before: Seal | null): Flaw[] {
  const number = (before?.number ?? 0) + 1;
  if (seal.number !== number)
    return [{ kind: "seal", detail: `seal ${number} is missing: the next one found is ${seal.number}` }];
  if (seal.previous !== (before?.hash ?? GENESIS) || seal.after !== (before?.upTo ?? 0))
    return [{ kind: "seal", detail: `seal ${number} does not follow the one before it` }];
  if (seal.hash !== hashOf(seal))
    return [{ kind: "seal", detail: `seal ${number} was changed: its hash is not that of what it holds` }];
  return [];
}

/**
 * What is wrong with the events of a seal. `entries` are those that the store has in the seal's stretch;
 * `isLate` tells of an id whether a later seal covers it.
 */
export function eventFlaws(
  { leaves, number }: Pick<Seal, "leaves" | "number">,
  entries: readonly { _id: string }[],
  isLate: (id: string) => boolean,
): Flaw[] {
  const found = new Map(entries.map((entry) => [entry._id, entry]));
  const flaws = leaves.flatMap(({ id, digest }): Flaw[] => {
    const entry = found.get(id);
    found.delete(id);
    if (!entry) return [{ kind: "removed", eventId: id, detail: `seal ${number} has it, the store has not` }];
    if (digestOf(entry) === digest) return [];
    return [{ kind: "changed", eventId: id, detail: `it is not what seal ${number} was made of` }];
  });
  for (const id of found.keys())
    if (!isLate(id))
      flaws.push({
        kind: "added",
        eventId: id,
        detail: `it lies in the stretch of seal ${number}, which has it not`,
      });
  return flaws;
}

/** A day of the event store, as its seals were found. */
export interface SealedDay {
  day: string;
  seals: number;
  events: number;
  late: number;
  flaws: Flaw[];
  /** Of its last seal: it stands for everything up to the end of the day. */
  hash: string;
}

/** The checks of seals, in their order, day by day. */
export function byDay(
  checks: readonly { day: string; events: number; late: number; hash: string; flaws: Flaw[] }[],
): SealedDay[] {
  const days: SealedDay[] = [];
  for (const { day, events, late, hash, flaws } of checks) {
    const last = days.at(-1);
    if (last?.day !== day) {
      days.push({ day, seals: 1, events, late, flaws: [...flaws], hash });
      continue;
    }
    last.seals++;
    last.events += events;
    last.late += late;
    last.flaws.push(...flaws);
    last.hash = hash;
  }
  return days;
}
