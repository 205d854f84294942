import type { ServiceBroker } from "moleculer";
import type { PageQuery } from "../../contracts/api";
import { BadCursorError } from "../../contracts/errors";
import {
  dayOf,
  digestOf,
  eventFlaws,
  GENESIS,
  sealed,
  sealFlaws,
  type Flaw,
  type Leaf,
  type Seal,
} from "../../domain/seals";
import { othersFirst } from "../../mixins/others-first";
import { limitOf } from "../../mixins/persistence/paging";
import { Sweep } from "../../mixins/sweep";
import type { StoreAdapter } from "../../store/types";
import { momentOf, positionAt, type Entry, type EventLog } from "./event-log";

interface SealDoc extends Seal {
  /** Its number: so two nodes cannot both make the next one. */
  _id: string;
  /** It has late ones. */
  hasLate?: boolean;
}

/** One seal, and what is not as it says. */
export interface SealCheck {
  id: string;
  day: string;
  events: number;
  late: number;
  hash: string;
  ok: boolean;
  flaws: Flaw[];
}

export interface Verification {
  items: SealCheck[];
  next: string | null;
  /** Events that are too young to be sealed. */
  unsealed: number;
}

/** An event is sealed when no earlier write can still be under way: a minute, in milliseconds. */
const SETTLED_MS = 60_000;
const EVERY_MS = 2_000;
/** On a quiet hub a seal waits for more events, but no longer than another minute, in milliseconds. */
const SLICE_MS = 60_000;
/** Events of one seal, and seals of one run: sealing never takes more than a small share of a node. */
const EVENTS = 500;
const SEALS = 4;
/** Seals that are read at once. */
const PAGE = 20;

const idOf = (number: number): string => String(number).padStart(12, "0");
const leafOf = (entry: Entry): Leaf => ({ id: entry._id, digest: digestOf(entry) });

/**
 * Seals the event store behind its writers, stretch by stretch of its positions, and tells what is not as it
 * was sealed. Any node may seal: the next seal's id is its number, so one of them is the first.
 */
export class Seals {
  readonly docs: StoreAdapter<SealDoc>;
  readonly sweep: Sweep;

  constructor(
    broker: ServiceBroker,
    private readonly log: EventLog,
  ) {
    this.docs = broker.hub.database.adapter<SealDoc>({
      name: "seals",
      indexes: [{ fields: ["day"] }, { fields: ["hasLate"], sparse: true }],
    });
    this.sweep = new Sweep(broker, "audit.seals", EVERY_MS, async () => {
      for (let made = 0; made < SEALS && (await this.sealNext(Date.now() - SETTLED_MS, SLICE_MS)); made++);
    });
  }

  /** Seals all that is older than `ageMs`. */
  async sealAll(ageMs: number): Promise<void> {
    const before = Date.now() - ageMs;
    while (await this.sealNext(before, 0));
  }

  /**
   * Seals the next stretch of what came in before a moment (ms), once it is full or `slice` (ms) old; false
   * when there is none, or it was another's.
   */
  private async sealNext(before: number, slice: number): Promise<boolean> {
    const last = await this.last();
    const page = await this.log.page(last?.upTo ?? 0, EVENTS, { upTo: positionAt(before) });
    const [first] = page.entries;
    if (!first || (page.atEnd && momentOf(first.position) > before - slice)) return false;
    const day = dayOf(momentOf(first.position));
    const entries = page.entries.filter(({ position }) => dayOf(momentOf(position)) === day);
    const late = last && last.day !== day ? await this.lateOf(last.day) : [];
    const seal = sealed({
      number: (last?.number ?? 0) + 1,
      day,
      after: last?.upTo ?? 0,
      upTo: entries.at(-1)?.position ?? page.upTo,
      leaves: entries.map(leafOf),
      late,
      previous: last?.hash ?? GENESIS,
    });
    const doc = { _id: idOf(seal.number), ...seal, ...(late.length > 0 && { hasLate: true }) };
    const [mine = false] = await this.docs.insertEach([doc]);
    return mine;
  }

  /** Events of a day that is over which came in after their stretch was sealed. */
  private async lateOf(day: string): Promise<Leaf[]> {
    const found: Leaf[] = [];
    for (let after = ""; ;) {
      const query = { day, _id: { $gt: after } };
      const seals = await this.docs.find({ query, sort: "_id", limit: PAGE });
      for (const seal of seals) {
        if ((await this.log.count(seal.after, { upTo: seal.upTo })) === seal.leaves.length) continue;
        const known = new Set(seal.leaves.map(({ id }) => id));
        const entries = await this.log.between(seal.after, seal.upTo);
        found.push(...entries.filter(({ _id }) => !known.has(_id)).map(leafOf));
      }
      await othersFirst();
      if (seals.length < PAGE) return found;
      after = seals.at(-1)?._id ?? "";
    }
  }

  private async last(): Promise<SealDoc | null> {
    return (await this.docs.find({ sort: "-_id", limit: 1 }))[0] ?? null;
  }

  /**
   * Checks a page of seals against the event store, oldest first; `after` is the id of the last one seen.
   * @throws BadCursorError
   */
  async verify(query: PageQuery): Promise<Verification> {
    const limit = Math.min(limitOf(query), PAGE);
    let before = query.after === undefined ? null : await this.docs.findById(query.after);
    if (query.after !== undefined && !before) throw new BadCursorError();
    const found = await this.docs.find({
      query: { _id: { $gt: before?._id ?? "" } },
      sort: "_id",
      limit: limit + 1,
    });
    const seals = found.slice(0, limit);
    const withLate = await this.docs.find({ query: { hasLate: true } });
    const late = new Set(withLate.flatMap((seal) => seal.late.map(({ id }) => id)));
    const items: SealCheck[] = [];
    for (const seal of seals) {
      items.push(await this.check(seal, before, (id) => late.has(id)));
      await othersFirst();
      before = seal;
    }
    const last = await this.last();
    return {
      items,
      next: found.length > limit ? (items.at(-1)?.id ?? null) : null,
      unsealed: await this.log.count(last?.upTo ?? 0),
    };
  }

  private async check(
    seal: SealDoc,
    before: SealDoc | null,
    isLate: (id: string) => boolean,
  ): Promise<SealCheck> {
    const { _id: id, day, leaves, late, hash } = seal;
    const flaws = [
      ...sealFlaws(seal, before),
      ...eventFlaws(seal, await this.log.between(seal.after, seal.upTo), isLate),
    ];
    if (late.length > 0) {
      const entries = await this.log.byId(late.map((leaf) => leaf.id));
      flaws.push(...eventFlaws({ number: seal.number, leaves: late }, entries, isLate));
    }
    const ok = flaws.length === 0;
    return { id, day, events: leaves.length + late.length, late: late.length, hash, ok, flaws };
  }
}
