import { setTimeout } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import type { RedriveAllBody } from "../../contracts/api";
import { ConflictError, NotFoundError } from "../../contracts/errors";
import { newId } from "../../contracts/ids";
import type { Cause } from "../../mixins/persistence/aggregates";
import { Sweep } from "../../mixins/sweep";
import type { Document, Query, StoreAdapter } from "../../store/types";
import { letterQuery, type DeadLetterStore } from "./dead-letter-store";

/** Many dead letters that are sent again, so many a second: a piece of work that outlives its node. */
export interface Redrive extends Document {
  version: number;
  status: "running" | "done" | "stopped";
  filter: Omit<RedriveAllBody, "perSecond">;
  perSecond: number;
  /** Letters that were open when it began; what fails from then on is not its own. */
  total: number;
  redriven: number;
  by: string;
  correlationId: string;
  createdAt: string;
  endedAt?: string;
  /** When (ms) any node may go on with it; there is one only while it runs. */
  dueAt?: number;
}

const PER_SECOND = 20;
/** How long the node that works at it may be silent before another goes on, in milliseconds. */
const LEASE_MS = 5_000;
/** The slower of five rounds a second, or one round a message. */
const ROUNDS_PER_SECOND = 5;
const AWAY_MS = 1_000;

/** How many messages go in one round, and how long (ms) a round takes, so that no second has more than `perSecond`. */
export function paceOf(perSecond: number): { messages: number; ms: number } {
  const messages = Math.max(1, Math.floor(perSecond / ROUNDS_PER_SECOND));
  return { messages, ms: Math.ceil((1_000 * messages) / perSecond) };
}

/** Redrives of many: each is worked at by one node at a time, in rounds, and its state is stored after each. */
export class Redrives {
  readonly adapter: StoreAdapter<Redrive>;
  private readonly mine = new Map<string, Promise<void>>();
  private stopping: AbortController | null = null;
  private readonly sweep: Sweep;

  constructor(
    private readonly broker: ServiceBroker,
    private readonly store: DeadLetterStore,
  ) {
    this.adapter = broker.hub.database.adapter<Redrive>({
      name: "redrives",
      indexes: [{ fields: ["-createdAt", "-_id"] }, { fields: ["dueAt"], sparse: true }],
    });
    this.sweep = new Sweep(broker, "audit.redrives", 1_000, () => this.look());
  }

  /** Starts with the broker, ends with the service. */
  get mixin() {
    return {
      mixins: [this.sweep.mixin],
      stopped: async () => {
        this.stopping?.abort();
        await Promise.all(this.mine.values());
      },
    };
  }

  /** Stores it, and begins. @throws ValidationError of the filter's times */
  async start(
    { perSecond = PER_SECOND, ...filter }: RedriveAllBody,
    by: string,
    cause: Cause,
  ): Promise<Redrive> {
    const createdAt = new Date().toISOString();
    const redrive: Redrive = {
      _id: newId(),
      version: 1,
      status: "running",
      filter,
      perSecond,
      total: 0,
      redriven: 0,
      by,
      correlationId: cause.correlationId,
      createdAt,
      dueAt: Date.now(),
    };
    redrive.total = await this.store.adapter.count({ query: openOf(redrive) });
    await this.adapter.insert(redrive);
    this.take(redrive);
    return redrive;
  }

  /** @throws NotFoundError */
  async get(id: string): Promise<Redrive> {
    const redrive = await this.adapter.findById(id);
    if (!redrive) throw new NotFoundError("redrive");
    return redrive;
  }

  /** What was sent stays sent. @throws NotFoundError, ConflictError when it has ended */
  async stop(id: string): Promise<Redrive> {
    const stopped = await this.end(await this.get(id), "stopped");
    const redrive = await this.get(id);
    if (!stopped) throw new ConflictError("REDRIVE_OVER", `The redrive is ${redrive.status} already.`);
    return redrive;
  }

  private async look(): Promise<void> {
    for (const redrive of await this.adapter.find({ query: { dueAt: { $lte: Date.now() } } }))
      this.take(redrive);
  }

  private take(redrive: Redrive): void {
    const { _id } = redrive;
    if (this.mine.has(_id)) return;
    this.stopping ??= new AbortController();
    const work = this.work(redrive, this.stopping.signal)
      // Its lease ends, and somebody goes on.
      .catch((error: Error) => this.broker.getLogger("audit").warn(`Redrive ${_id}: ${error.message}`))
      .finally(() => this.mine.delete(_id));
    this.mine.set(_id, work);
  }

  /** Round after round, while it is ours and runs. */
  private async work(redrive: Redrive, signal: AbortSignal): Promise<void> {
    const { _id, perSecond, by, correlationId } = redrive;
    const pace = paceOf(perSecond);
    let { dueAt } = redrive;
    while (!signal.aborted) {
      const lease = Date.now() + LEASE_MS;
      if (!(await this.claim(redrive, dueAt, lease))) return;
      dueAt = lease;
      const up = this.broker.commandsAdapter.isUp() && this.broker.eventsAdapter.isUp();
      if (up) {
        const query = openOf(redrive);
        const next = await this.store.adapter.find({
          query,
          sort: "failedAt",
          limit: pace.messages,
          fields: ["status"],
        });
        if (next.length === 0) return void (await this.end(redrive, "done"));
        const cause = { id: _id, correlationId };
        await this.store.redriveEach(
          next.map((letter) => letter._id),
          cause,
          { by, redriveId: _id },
        );
      }
      await pause(up ? pace.ms : AWAY_MS, signal);
    }
    // It stops with this node: another need not wait for the lease.
    await this.claim(redrive, dueAt, Date.now());
  }

  /** Compare-and-set on the lease. */
  private async claim(redrive: Redrive, dueAt: number | undefined, next: number): Promise<boolean> {
    const { _id } = redrive;
    const $set = { ...(await this.sent(redrive)), dueAt: next };
    const [claimed = false] = await this.adapter.updateEach([
      { query: { _id, status: "running", dueAt }, update: { $set, $inc: { version: 1 } } },
    ]);
    return claimed;
  }

  /**
   * What was sent so far, counted in the letters, so that no crash miscounts. A letter whose failure was
   * filed only after the redrive began was not counted in its total.
   */
  private async sent({ _id, total }: Redrive): Promise<Pick<Redrive, "redriven" | "total">> {
    const redriven = await this.store.adapter.count({ query: { redriveId: _id } });
    return { redriven, total: Math.max(total, redriven) };
  }

  private async end(redrive: Redrive, status: "done" | "stopped"): Promise<boolean> {
    const { _id } = redrive;
    const update = {
      $set: { ...(await this.sent(redrive)), status, endedAt: new Date().toISOString() },
      $unset: { dueAt: true },
      $inc: { version: 1 },
    };
    const [ended = false] = await this.adapter.updateEach([{ query: { _id, status: "running" }, update }]);
    return ended;
  }
}

/** The letters that it still has to send: each once, and none that failed after it began. */
const openOf = ({ _id, filter, createdAt }: Redrive): Query => ({
  $and: [
    letterQuery({ ...filter, status: "open" }),
    { failedAt: { $lt: createdAt }, redriveId: { $ne: _id } },
  ],
});

/** Waits, and no longer than until the signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  setTimeout(ms, undefined, { signal }).catch(() => undefined);
