import type { LoggerInstance, ServiceBroker, ServiceSchema } from "moleculer";
import type { PageQuery } from "../../contracts/api";
import { ConflictError, NotFoundError, ValidationError } from "../../contracts/errors";
import { newId } from "../../contracts/ids";
import { PROJECTIONS } from "../../domain/projections";
import type { Projection } from "../../domain/projections/projection";
import { atStart } from "../../mixins/at-start";
import { othersFirst } from "../../mixins/others-first";
import { newestFirst, type Page } from "../../mixins/persistence/paging";
import { Sweep } from "../../mixins/sweep";
import type { StoreAdapter, Update } from "../../store/types";
import { eventOf, LATENESS_MS, positionAt, type Entry, type EventLog } from "./event-log";
import { factsIn, type Difference, type ModelState, type ReadModels } from "./read-models";

/** A replay as it is kept. */
interface ReplayDoc {
  _id: string;
  projection: string;
  /** ISO 8601; unset: from the first event on. */
  from?: string;
  status: "running" | "done" | "failed";
  /** 0 to 1. */
  progress: number;
  /** How many events it has read. */
  events: number;
  /** How many keys live and rebuilt did not agree on, and the first of them. */
  differences: number;
  diff: Difference[] | null;
  error?: string;
  generation: number;
  /** Up to which position it has read. */
  upTo: number;
  /** ISO 8601. */
  startedAt: string;
  endedAt?: string;
}

export type ReplayView = Omit<ReplayDoc, "_id" | "generation" | "upTo"> & { id: string };

const view = ({ _id: id, generation: _g, upTo: _u, ...replay }: ReplayDoc): ReplayView => ({ id, ...replay });

/** Events of one page: more would make everybody else on this node wait. */
const PAGE = 500;
/** How long a node that says nothing keeps its replay, and how often it says something; milliseconds. */
const LEASE_MS = 15_000;
const HOLD_EVERY_MS = 1_000;
const SWEEP_MS = 5_000;
/** How far another node's clock may be ahead (ms). */
const SKEW_MS = 3_600_000;
/** Keys that keep changing differ while compared: how often to look again. */
const LOOKS = 4;
const SHOWN = 100;
/** How far back to read before the switch (ms); after it, LATENESS_MS. */
const GLANCE_MS = 500;

/**
 * Builds read models again from the event store, beside the live ones: it reads and folds, and does nothing
 * else, so nothing is sent to anybody. One replay of a projection runs at a time on all nodes, under a lease.
 */
export class Replays {
  readonly docs: StoreAdapter<ReplayDoc>;
  private readonly logger: LoggerInstance;
  private readonly running = new Set<Promise<void>>();
  private readonly sweep: Sweep;
  private stopped = false;

  constructor(
    broker: ServiceBroker,
    private readonly models: ReadModels,
    private readonly log: EventLog,
  ) {
    this.docs = broker.hub.database.adapter<ReplayDoc>({
      name: "replays",
      indexes: [{ fields: ["-startedAt", "-_id"] }],
    });
    this.logger = broker.getLogger("audit.replays");
    this.sweep = new Sweep(broker, "audit.replays", SWEEP_MS, () => this.lookAround());
  }

  /** Looks after replays with the broker, and ends them with the service. */
  get mixin(): Partial<ServiceSchema> {
    return {
      mixins: [this.sweep.mixin],
      stopped: async () => {
        this.stopped = true;
        await Promise.all(this.running);
      },
    };
  }

  async list(page: PageQuery): Promise<Page<ReplayView> & { projections: string[] }> {
    const { items, next } = await newestFirst("replays", this.docs, {}, page, "startedAt");
    return { projections: [...PROJECTIONS.keys()], items: items.map(view), next };
  }

  /** @throws NotFoundError */
  async get(id: string): Promise<ReplayView> {
    const replay = await this.docs.findById(id);
    if (!replay) throw new NotFoundError("replay");
    return view(replay);
  }

  /**
   * Begins one and goes on in the background. `from` (ISO 8601): what happened before is taken over from the
   * live model.
   * @throws ValidationError, ConflictError
   */
  async start({ projection: name, from }: { projection: string; from?: string }): Promise<ReplayView> {
    const projection = PROJECTIONS.get(name);
    if (!projection) throw ValidationError.of("/projection", `takes ${[...PROJECTIONS.keys()].join(", ")}`);
    if (from !== undefined && !(Date.parse(from) <= Date.now()))
      throw ValidationError.of("/from", "must be a moment in the past");
    await this.models.begin(projection);
    const id = newId();
    const lease = await this.take(name, id);
    if (!lease) throw new ConflictError("REPLAY_RUNNING", `A replay of ${name} is running.`);
    const replay: ReplayDoc = {
      _id: id,
      projection: name,
      ...(from !== undefined && { from: new Date(from).toISOString() }),
      status: "running",
      progress: 0,
      events: 0,
      differences: 0,
      diff: null,
      generation: (await this.models.stateOf(projection)).last,
      upTo: 0,
      startedAt: new Date().toISOString(),
    };
    await this.docs.insert(replay);
    this.behind(this.run(projection, replay, lease));
    return view(replay);
  }

  /**
   * For the service's start, once its collections are there. A hub that has events from before a projection
   * was thought of builds it now.
   */
  begin(): Promise<void> {
    return atStart(this.logger, () => this.buildWhatIsNew());
  }

  private async buildWhatIsNew(): Promise<void> {
    for (const projection of PROJECTIONS.values()) {
      await this.models.begin(projection);
      const { unbuilt, leaseBy } = await this.models.stateOf(projection);
      if (!unbuilt || leaseBy) continue;
      const { entries } = await this.log.page(0, 1, taken(projection));
      if (entries.length > 0) await this.build(projection);
      else await this.models.built(projection);
    }
  }

  /** Begins to build it, unless another node was faster. */
  private async build({ name: projection }: Projection): Promise<void> {
    await this.start({ projection }).catch((error: Error) => {
      if (!(error instanceof ConflictError)) throw error;
    });
  }

  private behind(work: Promise<void>): void {
    const settled = work
      .catch((error: Error) => this.logger.warn(error.message))
      .finally(() => this.running.delete(settled));
    this.running.add(settled);
  }

  private async run(projection: Projection, replay: ReplayDoc, lease: Lease): Promise<void> {
    const { generation } = replay;
    const { generation: live } = await this.models.stateOf(projection);
    const pause = () => this.pause(replay, lease);
    try {
      const moment = momentOf(replay);
      replay.upTo = Math.max(0, positionAt(moment - SKEW_MS));
      if (replay.from !== undefined)
        await this.models.copyBefore(projection, { from: live, to: generation, moment }, pause);
      await this.read(projection, replay, lease);

      const found = await this.compare(projection, replay, live, lease);
      await this.catchUp(projection, replay, lease, GLANCE_MS);
      replay.differences = found.keys.length;
      replay.diff = found.differences;
      await this.save(replay);
      await lease.update({ $set: { generation }, $push: { old: live } });
    } catch (error) {
      // With the lease renewed a switch that is still under way comes too late.
      if (!(await lease.renew())) throw error;
      return this.end(projection, replay, lease, error as Error);
    }
    await this.finish(projection, replay, lease);
  }

  /** What live and rebuilt do not agree on, however often it is looked at. */
  private async compare(projection: Projection, replay: ReplayDoc, live: number, lease: Lease) {
    const { generation } = replay;
    const pause = () => this.pause(replay, lease);
    let keys = await this.models.differing(projection, live, generation, pause);
    let differences: Difference[] = [];
    for (let look = 0, last = Infinity; look < LOOKS && keys.length > 0 && keys.length < last; look++) {
      // The second look tells whether the first has found only what moved.
      last = look > 0 ? keys.length : Infinity;
      await this.catchUp(projection, replay, lease, GLANCE_MS);
      const found = await this.models.compare(projection, live, generation, keys, SHOWN, pause);
      ({ keys, differences } = found);
    }
    return { keys, differences };
  }

  /** After the switch: what came in at that moment may have been told to the old one alone. */
  private async finish(projection: Projection, replay: ReplayDoc, lease: Lease): Promise<void> {
    try {
      await this.catchUp(projection, replay, lease, LATENESS_MS);
      Object.assign(replay, { status: "done", progress: 1, endedAt: new Date().toISOString() });
      await this.save(replay);
      await lease.release(replay.from === undefined ? { $unset: { unbuilt: true } } : {});
    } catch (error) {
      // It is live already: any node's sweep ends it.
      await lease.giveUp();
      throw error;
    }
  }

  /** Ends one that did not come to its own end. The switch may have been made and its answer lost: then it counts. */
  private async end(projection: Projection, replay: ReplayDoc, lease: Lease, error: Error): Promise<void> {
    const { generation } = await this.models.stateOf(projection);
    if (generation === replay.generation) return this.finish(projection, replay, lease);
    Object.assign(replay, { status: "failed", error: error.message, endedAt: new Date().toISOString() });
    await this.save(replay);
    await lease.release({ $push: { old: replay.generation } });
  }

  /** Reads what has come in since, and again what came in `ms` before: some of it may have been late. */
  private async catchUp(projection: Projection, replay: ReplayDoc, lease: Lease, ms: number): Promise<void> {
    const seen = replay.upTo;
    replay.upTo = Math.max(0, seen - positionAt(ms));
    await this.read(projection, replay, lease, seen);
  }

  /** Folds page after page until there is no more; `seen`: up to where the events were counted before. */
  private async read(projection: Projection, replay: ReplayDoc, lease: Lease, seen = 0): Promise<void> {
    const range = taken(projection);
    const total = replay.events + (await this.log.count(Math.max(replay.upTo, seen), range));
    for (let atEnd = false; !atEnd;) {
      const page = await this.log.page(replay.upTo, PAGE, range);
      const events = page.entries.filter((entry) => isMeant(entry, replay)).map(eventOf);
      await this.models.record(projection, replay.generation, factsIn(projection, events));
      replay.events += page.entries.filter(({ position }) => position > seen).length;
      replay.progress = Math.min(1, total > 0 ? replay.events / total : 1);
      replay.upTo = page.upTo;
      atEnd = page.atEnd;
      await this.pause(replay, lease);
    }
  }

  /** Between two pages: says that it lives, and lets everything else on this node have its turn. */
  private async pause(replay: ReplayDoc, lease: Lease): Promise<void> {
    if (this.stopped) throw new Error("The node was stopped.");
    if (await lease.hold()) await this.save(replay);
    await othersFirst();
  }

  private async save({ _id, ...replay }: ReplayDoc): Promise<void> {
    await this.docs.updateEach([{ query: { _id, status: "running" }, update: { $set: { ...replay } } }]);
  }

  /** Ends what a dead node has begun, and removes the models that nobody reads any more. */
  private async lookAround(): Promise<void> {
    for (const projection of PROJECTIONS.values()) {
      const state = await this.models.states.findById(projection.name);
      if (!state) continue;
      if (state.leaseBy && (state.leaseUntil ?? 0) <= Date.now()) await this.endFor(projection, state);
      for (const generation of state.old) {
        await this.models.remove(projection, generation);
        await this.models.states.updateEach([
          { query: { _id: state._id }, update: { $pull: { old: generation } } },
        ]);
      }
    }
  }

  private async endFor(projection: Projection, state: ModelState): Promise<void> {
    const { leaseBy = "", leaseUntil } = state;
    const lease = new Lease(this.models.states, projection.name, leaseBy, leaseUntil ?? 0);
    if (!(await lease.renew())) return;
    const replay = await this.docs.findById(leaseBy);
    if (!replay || replay.status !== "running") return lease.release();
    this.logger.warn(`The node that replayed ${projection.name} is gone.`);
    await this.end(projection, replay, lease, new Error("Its node ended before it was done."));
    if ((await this.models.stateOf(projection)).unbuilt) await this.build(projection);
  }

  /** The lease on a projection, with a new generation; null while another replay has it. */
  private async take(name: string, id: string): Promise<Lease | null> {
    const until = Date.now() + LEASE_MS;
    const [taken] = await this.models.states.updateEach([
      {
        query: { _id: name, leaseBy: { $exists: false } },
        update: { $set: { leaseBy: id, leaseUntil: until }, $inc: { last: 1 } },
      },
    ]);
    return taken ? new Lease(this.models.states, name, id, until) : null;
  }
}

const momentOf = ({ from }: ReplayDoc): number => (from === undefined ? -Infinity : Date.parse(from));

/**
 * Whether the replay is to fold an event: what happened since `from`, and what came in since the replay began
 * whenever it happened, because the live model that older facts were taken from may not have had it yet.
 */
const isMeant = ({ position, timestamp }: Entry, replay: ReplayDoc): boolean =>
  position > positionAt(Date.parse(replay.startedAt) - LATENESS_MS) ||
  !(Date.parse(timestamp) < momentOf(replay));

const taken = ({ takes }: Projection) => ({ query: { eventType: { $in: [...takes] } } });

/** The right to build a projection again. Every step is refused once another node has taken it over. */
class Lease {
  constructor(
    private readonly states: StoreAdapter<ModelState>,
    private readonly name: string,
    private readonly by: string,
    private until: number,
  ) {}

  /** Renews it when it is time to; whether it was. @throws Error when it is lost */
  async hold(): Promise<boolean> {
    if (this.until - Date.now() > LEASE_MS - HOLD_EVERY_MS) return false;
    if (!(await this.renew())) throw new Error("Another node has taken the replay over.");
    return true;
  }

  async renew(): Promise<boolean> {
    const until = Date.now() + LEASE_MS;
    const held = await this.write({ $set: { leaseUntil: until } });
    if (held) this.until = until;
    return held;
  }

  /** Changes the projection's state while the lease holds. @throws Error when it is lost */
  async update(update: Update): Promise<void> {
    if (!(await this.write(update))) throw new Error("Another node has taken the replay over.");
  }

  async release(update: Update = {}): Promise<void> {
    await this.write({ ...update, $unset: { ...update.$unset, leaseBy: true, leaseUntil: true } });
  }

  /** Whoever looks next may have it. */
  async giveUp(): Promise<void> {
    await this.write({ $set: { leaseUntil: 0 } }).catch(() => false);
  }

  private async write(update: Update): Promise<boolean> {
    const query = { _id: this.name, leaseBy: this.by, leaseUntil: this.until };
    const [written = false] = await this.states.updateEach([{ query, update }]);
    return written;
  }
}
