import { isDeepStrictEqual } from "node:util";
import { ConflictError } from "../../contracts/errors";
import type { HubEvent } from "../../contracts/events";
import { PROJECTIONS } from "../../domain/projections";
import {
  factsBefore,
  withFact,
  type Facts,
  type Placed,
  type Projection,
} from "../../domain/projections/projection";
import type { Database, Group, StoreAdapter, UpdateOne } from "../../store/types";

/** One key of one read model, in one of its generations. */
interface ModelDoc {
  /** `dashboard/1:KEY`. */
  _id: string;
  /** `dashboard/1`. */
  model: string;
  key: string;
  version: number;
  facts: Facts;
  cell?: string;
}

/** Which generation of a read model is the live one, and who is building another. */
export interface ModelState {
  /** The projection's name. */
  _id: string;
  generation: number;
  /** The highest generation that was ever begun. */
  last: number;
  /** Generations that are to be removed. */
  old: number[];
  /** It has not been built out of the events from before it was thought of. */
  unbuilt?: true;
  /** The replay that runs, and until when (ms) it is its node's. */
  leaseBy?: string;
  leaseUntil?: number;
}

/** What two generations say of one key; null where one does not know it. */
export interface Difference {
  key: string;
  live: Facts | null;
  rebuilt: Facts | null;
}

const ROUNDS = 25;
const PAGE = 1_000;

/** Called after each page of long work: others have their turn, and the work may be ended by throwing. */
type Pause = () => Promise<void>;

const modelOf = ({ name }: Projection, generation: number): string => `${name}/${generation}`;
/** `;` follows `:`, so that these are the bounds of all ids of a model. */
const idsOf = (model: string, after = `${model}:`) => ({ $gt: after, $lt: `${model};` });

/**
 * The documents of all read models, each with its generation: a model that is built again grows beside the
 * live one, and becomes it by one write.
 */
export class ReadModels {
  readonly docs: StoreAdapter<ModelDoc>;
  readonly states: StoreAdapter<ModelState>;

  constructor(database: Database) {
    this.docs = database.adapter<ModelDoc>({ name: "read_models", indexes: [{ fields: ["model", "cell"] }] });
    this.states = database.adapter<ModelState>({ name: "projections" });
  }

  /** Makes the state of a projection, where there is none. */
  async begin({ name }: Projection): Promise<void> {
    await this.states.insertEach([{ _id: name, generation: 1, last: 1, old: [], unbuilt: true }]);
  }

  /** Nothing that happened before is missing in it. */
  async built({ name }: Projection): Promise<void> {
    await this.states.updateEach([{ query: { _id: name }, update: { $unset: { unbuilt: true } } }]);
  }

  async stateOf({ name }: Projection): Promise<ModelState> {
    return (await this.states.findById(name)) ?? { _id: name, generation: 1, last: 1, old: [] };
  }

  /**
   * Tells all live read models of events that are stored. A model that is switched meanwhile is told again:
   * so when this resolves, the model that is live has them, or its replay reads them after the switch.
   */
  async tell(events: readonly HubEvent[]): Promise<void> {
    await Promise.all(
      [...PROJECTIONS.values()].map(async (projection) => {
        const facts = factsIn(projection, events);
        if (facts.length === 0) return;
        for (let told = 0; ;) {
          const { generation } = await this.stateOf(projection);
          if (generation === told) return;
          await this.record(projection, generation, facts);
          told = generation;
        }
      }),
    );
  }

  /** Folds facts into one generation. Writers that meet decide again on what is stored then. */
  async record(projection: Projection, generation: number, facts: readonly Placed[]): Promise<void> {
    const model = modelOf(projection, generation);
    let open = new Map<string, Placed[]>();
    for (const placed of facts) {
      const id = `${model}:${placed.key}`;
      const known = open.get(id);
      if (known) known.push(placed);
      else open.set(id, [placed]);
    }
    for (let round = 0; open.size > 0; round++) {
      if (round === ROUNDS) throw new ConflictError("WRITE_CONFLICT", "Too many writers at once; try again.");
      open = await this.attempt(projection, model, open);
    }
  }

  /** One round; what lost a race. */
  private async attempt(
    projection: Projection,
    model: string,
    open: Map<string, Placed[]>,
  ): Promise<Map<string, Placed[]>> {
    const stored = new Map((await this.docs.findByIds([...open.keys()])).map((doc) => [doc._id, doc]));
    const births: ModelDoc[] = [];
    const updates: UpdateOne[] = [];
    for (const [_id, placed] of open) {
      const before = stored.get(_id);
      const facts = placed.reduce(withFact, before?.facts ?? {});
      if (facts === before?.facts) continue;
      const cell = projection.cellOf?.(facts);
      const derived = { facts, ...(cell !== undefined && { cell }) };
      if (before)
        updates.push({
          query: { _id, version: before.version },
          update: { $set: derived, $inc: { version: 1 } },
        });
      else births.push({ _id, model, key: placed[0]?.key ?? "", version: 1, ...derived });
    }
    const [born, updated] = await Promise.all([
      births.length > 0 ? this.docs.insertEach(births) : [],
      updates.length > 0 ? this.docs.updateEach(updates) : [],
    ]);
    const lost = [
      ...births.filter((_, i) => !born[i]).map(({ _id }) => _id),
      ...updates.filter((_, i) => !updated[i]).map(({ query }) => query._id),
    ];
    return new Map(lost.map((id) => [id, open.get(id) ?? []]));
  }

  /** Takes what happened before `moment` (ms) from one generation to another. */
  async copyBefore(
    projection: Projection,
    { from, to, moment }: { from: number; to: number; moment: number },
    pause: Pause,
  ): Promise<void> {
    const model = modelOf(projection, to);
    for await (const docs of this.pages(modelOf(projection, from))) {
      await pause();
      const copies = docs.flatMap(({ key, facts: all }): ModelDoc[] => {
        const facts = factsBefore(all, moment);
        if (Object.keys(facts).length === 0) return [];
        const cell = projection.cellOf?.(facts);
        return [
          { _id: `${model}:${key}`, model, key, version: 1, facts, ...(cell !== undefined && { cell }) },
        ];
      });
      if (copies.length > 0) await this.docs.insertEach(copies);
    }
  }

  /** The keys of which two generations do not say the same. */
  async differing(projection: Projection, live: number, rebuilt: number, pause: Pause): Promise<string[]> {
    const [a, b] = [modelOf(projection, live), modelOf(projection, rebuilt)];
    const keys: string[] = [];
    let matched = 0;
    for await (const docs of this.pages(b)) {
      await pause();
      const others = await this.factsOf(
        a,
        docs.map(({ key }) => key),
      );
      for (const { key, facts } of docs) {
        const other = others.get(key);
        if (other) matched++;
        if (!isDeepStrictEqual(other, facts)) keys.push(key);
      }
    }
    if ((await this.docs.count({ query: { model: a } })) > matched)
      for await (const docs of this.pages(a)) {
        await pause();
        const others = await this.factsOf(
          b,
          docs.map(({ key }) => key),
        );
        for (const { key } of docs) if (!others.has(key)) keys.push(key);
      }
    return keys;
  }

  /** Of these keys, those of which two generations do not say the same; and of the first `most` what they say. */
  async compare(
    projection: Projection,
    live: number,
    rebuilt: number,
    keys: readonly string[],
    most: number,
    pause: Pause,
  ): Promise<{ keys: string[]; differences: Difference[] }> {
    const found: string[] = [];
    const differences: Difference[] = [];
    for (let at = 0; at < keys.length; at += PAGE) {
      await pause();
      const some = keys.slice(at, at + PAGE);
      const [a, b] = await Promise.all([
        this.factsOf(modelOf(projection, live), some),
        this.factsOf(modelOf(projection, rebuilt), some),
      ]);
      for (const key of some) {
        const difference = { key, live: a.get(key) ?? null, rebuilt: b.get(key) ?? null };
        if (isDeepStrictEqual(difference.live, difference.rebuilt)) continue;
        found.push(key);
        if (differences.length < most) differences.push(difference);
      }
    }
    return { keys: found, differences };
  }

  /** Removes a generation, page by page so that nothing else waits for it. */
  async remove(projection: Projection, generation: number): Promise<void> {
    for await (const docs of this.pages(modelOf(projection, generation), ["key"]))
      await this.docs.removeMany({
        _id: { $gte: docs[0]?._id ?? "", $lte: docs.at(-1)?._id ?? "" },
      });
  }

  /** How many documents the live generation has in each cell. */
  async cells(projection: Projection): Promise<Group[]> {
    const { generation } = await this.stateOf(projection);
    return this.docs.groupBy({ query: { model: modelOf(projection, generation) }, by: "cell" });
  }

  /** The facts that the live generation has of a key. */
  async facts(projection: Projection, key: string): Promise<Facts | null> {
    const { generation } = await this.stateOf(projection);
    return (await this.factsOf(modelOf(projection, generation), [key])).get(key) ?? null;
  }

  private async factsOf(model: string, keys: readonly string[]): Promise<Map<string, Facts>> {
    const docs = await this.docs.findByIds(keys.map((key) => `${model}:${key}`));
    return new Map(docs.map(({ key, facts }) => [key, facts]));
  }

  private async *pages(model: string, fields?: string[]): AsyncGenerator<ModelDoc[]> {
    for (let after: string | undefined; ;) {
      const query = { _id: idsOf(model, after) };
      const docs = await this.docs.find({ query, sort: "_id", limit: PAGE, ...(fields && { fields }) });
      const last = docs.at(-1);
      if (!last) return;
      yield docs;
      after = last._id;
    }
  }
}

/** What events say to a projection. @throws Error that names the event which cannot be read */
export const factsIn = (projection: Projection, events: readonly HubEvent[]): Placed[] =>
  events.flatMap((event) => {
    try {
      return projection.factOf(event) ?? [];
    } catch (error) {
      const { message } = error as Error;
      throw new Error(`${event.eventType} ${event.eventId} cannot be read: ${message}`, { cause: error });
    }
  });
