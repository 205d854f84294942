import { setTimeout as pause } from "node:timers/promises";
import type { Context, ServiceBroker, ServiceSchema } from "moleculer";
import { COMMANDS } from "../../contracts/commands";
import { messageId, messageType, type EventEnvelope, type MessageEnvelope } from "../../contracts/envelope";
import { ConflictError, NotFoundError, type HubError } from "../../contracts/errors";
import { EVENTS } from "../../contracts/events";
import { newId } from "../../contracts/ids";
import type { Decision, Draft, Now } from "../../domain/types";
import type { CollectionOptions, Document, StoreAdapter, UpdateOne } from "../../store/types";
import { backlogOf, LEASE_MS, OutboxRelay, UNSENT, type OutboxEntry, type OutboxFields } from "./outbox";
import { store } from "./store";
import type { Tracing } from "../telemetry/tracing";
import { HUB_STARTED } from "../define-service";

/** What the state of an aggregate may have beside its own fields. */
export interface State extends Document {
  correlationId?: string;
  told?: Record<string, EventEnvelope>;
}

/** A state as it lies in the store. `sequence` counts the events that it has told. */
export type Stored<S extends State> = S & OutboxFields & { sequence: number };

/** Who or what asks for a change, for the envelopes of what comes of it. */
export interface Cause {
  /** The id of the message or request. */
  id: string;
  correlationId: string;
  /** The `traceparent` of a request that is traced; that of a message is known by its id. */
  trace?: string;
}

/** A message as the cause of what comes of it. */
export const causeOfMessage = (message: MessageEnvelope): Cause => ({
  id: messageId(message),
  correlationId: message.correlationId,
});

export interface Change<S extends State> {
  id: string;
  cause: Cause;
  /** There is hardly ever such an aggregate yet: decided without a read; where there is one, decided again on it. */
  isNew?: boolean;
  /** Decides on what is stored now; null: nothing to change. Runs again when another writer was faster. */
  decide(state: Stored<S> | null, now: Now): Decision<S> | null;
}

/** What an aggregate has stored and not sent yet. */
export interface UnsentMessages {
  id: string;
  /** The node that sends it, if one does. */
  owner?: string;
  /** `timestamp` is ISO 8601. */
  messages: { type: string; timestamp: string }[];
}

/** A conditional update, what the document is before and after it, and what this node then has to send. */
interface Written<S extends State> {
  op: UpdateOne;
  before: Stored<S>;
  after: Stored<S>;
  fresh: OutboxEntry[];
  /** What the outbox still has to send of what it had before; null when another node sends it. */
  earlier: OutboxEntry[] | null;
}

const ROUNDS = 25;

/** Before round number `round` (from 0) of a race: writers that met several times step out of each other's way. */
export async function stepAside(round: number): Promise<void> {
  if (round > 2) await pause(Math.random() * Math.min(2 ** round, 64));
}

export function clock(): Now {
  const now = new Date();
  return { at: now.toISOString(), ms: now.getTime() };
}

/**
 * Documents that change by decisions and tell of it: state and messages are stored in one write of one
 * document, and the relay sends the messages. Changes are compare-and-set on `version`; a lost race
 * reloads and decides again.
 */
export class Aggregates<S extends State> {
  readonly adapter: StoreAdapter<Stored<S>>;
  readonly relay: OutboxRelay;
  private readonly owner: string;
  private readonly tracing: Tracing | null;

  constructor(
    broker: ServiceBroker,
    /** The service that speaks in its messages. */
    private readonly source: string,
    { name, indexes = [] }: CollectionOptions,
  ) {
    // A node that was started again under its old id is another sender: it does not hold what the first held.
    this.owner = `${broker.nodeID}:${newId()}`;
    this.adapter = broker.hub.database.adapter<Stored<S>>({
      name,
      indexes: [...indexes, { fields: ["outboxDueAt"], sparse: true }],
    });
    this.tracing = broker.hub.tracing;
    broker.hub.metrics.watchOutbox(source, this.adapter);
    this.relay = new OutboxRelay(broker, this.owner, this.adapter, broker.getLogger(`${source}.outbox`));
  }

  async get(id: string): Promise<S | null> {
    return (await this.adapter.findById(id)) as S | null;
  }

  /** Stores a new aggregate; false when its id (or a unique value) is taken. */
  async create({ state, messages }: Decision<S>, cause: Cause): Promise<boolean> {
    const document = this.birth(state, messages, cause);
    const [created = false] = await this.adapter.insertEach([document]);
    if (created) this.relay.send(document._id, document.version, document.outbox);
    return created;
  }

  /** One change, as `changeEach` makes many; the aggregate after it, or null where there is none. */
  async change(
    id: string,
    cause: Cause,
    decide: Change<S>["decide"],
    read?: Stored<S>[],
  ): Promise<Stored<S> | null> {
    const [after = null] = await this.changeEach([{ id, cause, decide }], read);
    return after;
  }

  /**
   * One change that somebody asks for: `decide` returns null for what cannot be done, and `refusal` says why.
   * @throws NotFoundError where there is no such aggregate, of the kind `what`
   */
  async demand(
    id: string,
    cause: Cause,
    what: string,
    decide: (state: Stored<S>, now: Now) => Decision<S> | null,
    refusal: (state: Stored<S>) => HubError,
  ): Promise<Stored<S>> {
    let refused = false;
    const after = await this.change(id, cause, (state, now) => {
      const decision = state && decide(state, now);
      refused = decision === null;
      return decision;
    });
    if (!after) throw new NotFoundError(what);
    if (refused) throw refusal(after);
    return after;
  }

  /**
   * Many changes with few reads and writes; those of one aggregate are decided one after the other and
   * stored together. `read`: these aggregates as they were just read, those that exist; a decision on them
   * that changes nothing is not checked against the store. Returns what is stored after each, in the order of
   * `changes`.
   * @throws ConflictError when other writers are faster every time
   */
  async changeEach(changes: Change<S>[], read?: Stored<S>[]): Promise<(Stored<S> | null)[]> {
    const results = new Map<string, Stored<S> | null>();
    let open = new Map<string, Change<S>[]>();
    for (const change of changes) open.set(change.id, [...(open.get(change.id) ?? []), change]);
    for (let round = 0; open.size > 0; round++) {
      if (round === ROUNDS) throw new ConflictError("WRITE_CONFLICT", "Too many writers at once; try again.");
      await stepAside(round);
      const found = round > 0 ? await this.read([...open.keys()]) : (read ?? (await this.read(toRead(open))));
      const lost = await this.attempt(open, found, results);
      open = new Map([...open].filter(([id]) => lost.has(id)));
    }
    return changes.map(({ id }) => results.get(id) ?? null);
  }

  private async read(ids: string[]): Promise<Stored<S>[]> {
    return ids.length > 0 ? this.adapter.findByIds(ids) : [];
  }

  /** One round; returns the ids whose write lost a race. */
  private async attempt(
    open: Map<string, Change<S>[]>,
    found: Stored<S>[],
    results: Map<string, Stored<S> | null>,
  ): Promise<Set<string>> {
    const stored = new Map(found.map((document) => [document._id, document]));
    const births: Stored<S>[] = [];
    const updates: Written<S>[] = [];
    for (const [id, changes] of open) {
      const before = stored.get(id) ?? null;
      const after = this.fold(before, changes);
      results.set(id, after ?? before);
      if (!after) continue;
      if (before) updates.push(this.update(before, after));
      else births.push(after);
    }
    const lost = new Set<string>();
    const [born, updated] = await Promise.all([
      births.length > 0 ? this.adapter.insertEach(births) : [],
      updates.length > 0 ? this.adapter.updateEach(updates.map(({ op }) => op)) : [],
    ]);
    births.forEach((document, i) => {
      if (!born[i]) lost.add(document._id);
      else this.relay.send(document._id, document.version, document.outbox);
    });
    updates.forEach(({ before, after, fresh, earlier }, i) => {
      if (!updated[i]) return void lost.add(after._id);
      const outbox = earlier?.length === 0 ? fresh : after.outbox;
      results.set(after._id, { ...after, version: before.version + 1, outbox });
      if (!earlier) return;
      if (earlier.length === 0) this.relay.cleared(after._id);
      if (fresh.length > 0) this.relay.send(after._id, before.version + 1, fresh, earlier);
    });
    return lost;
  }

  /** Decides one change after the other on the same aggregate; null when none changes anything. */
  private fold(before: Stored<S> | null, changes: Change<S>[]): Stored<S> | null {
    let current = before;
    for (const { cause, decide } of changes) {
      const decision = decide(current, clock());
      if (!decision) continue;
      if (!current) {
        current = this.birth(decision.state, decision.messages, cause);
        continue;
      }
      const next: Stored<S> = { ...current, ...decision.state };
      for (const field of Object.keys(current) as (keyof S)[])
        if (!(field in decision.state)) delete next[field];
      current = this.speak(next, decision.messages, decision.again ?? [], cause);
    }
    if (current === before) return null;
    // A later change may have been the first to speak.
    return !before && current && current.outbox.length > 0 ? { ...current, ...this.lease() } : current;
  }

  /** How many aggregates have messages that are not sent, and how old (seconds) the oldest is. */
  backlog(): Promise<{ pending: number; oldestSeconds: number }> {
    return backlogOf(this.adapter);
  }

  /** What is still to be sent, the longest due first; `limit` aggregates at most. */
  async unsent(limit: number): Promise<UnsentMessages[]> {
    const found = await this.adapter.find({ query: UNSENT, sort: "outboxDueAt", limit });
    return found.map(({ _id: id, outbox, outboxOwner: owner }) => ({
      id,
      ...(owner && { owner }),
      messages: outbox.map(({ message }) => ({
        type: messageType(message) ?? "unknown",
        timestamp: message.timestamp,
      })),
    }));
  }

  private birth(state: S, messages: Draft[], cause: Cause): Stored<S> {
    const blank: Stored<S> = { ...state, version: 1, sequence: 0, outbox: [] };
    const document = this.speak(blank, messages, [], cause);
    return document.outbox.length > 0 ? { ...document, ...this.lease() } : document;
  }

  private lease() {
    return { outboxOwner: this.owner, outboxDueAt: Date.now() + LEASE_MS };
  }

  /** Puts messages into the outbox: drafts become envelopes, repeats go out as they were. */
  private speak(document: Stored<S>, drafts: Draft[], again: MessageEnvelope[], cause: Cause): Stored<S> {
    let { sequence, told } = document;
    const trace = cause.trace ?? this.tracing?.of(this.source, cause.id);
    const entryOf = (message: MessageEnvelope): OutboxEntry => ({
      id: messageId(message),
      message,
      ...(trace && { trace }),
    });
    const outbox = [...document.outbox];
    for (const draft of drafts) {
      // A command stands where it was given, and is no step in the row of events.
      if ("event" in draft) sequence++;
      const message = this.envelope(document, draft, sequence, cause);
      outbox.push(entryOf(message));
      if ("event" in draft && draft.keep) told = { ...told, [draft.event]: message as EventEnvelope };
    }
    for (const message of again)
      if (!outbox.some((entry) => entry.id === messageId(message))) outbox.push(entryOf(message));
    return { ...document, sequence, outbox, ...(told && { told }) };
  }

  private envelope(document: Stored<S>, draft: Draft, sequence: number, cause: Cause): MessageEnvelope {
    const common = {
      timestamp: new Date().toISOString(),
      version: "event" in draft ? EVENTS[draft.event].version : COMMANDS[draft.command].version,
      source: this.source,
      correlationId: document.correlationId ?? cause.correlationId,
      causationId: cause.id,
      key: document._id,
      sequence,
      data: draft.data,
    };
    const id = draft.id ?? newId();
    return "event" in draft
      ? { eventId: id, eventType: draft.event, ...common }
      : { commandId: id, commandType: draft.command, ...common };
  }

  /** The conditional update from one state to the next, and what this node then has to send. */
  private update(before: Stored<S>, after: Stored<S>): Written<S> {
    const fresh = after.outbox.slice(before.outbox.length);
    const query: UpdateOne["query"] = { _id: before._id, version: before.version };
    const set: Record<string, unknown> = {};
    const unset: Record<string, true> = {};
    const { outbox: _b, version: _v, ...was } = before;
    const { outbox: _a, version: _w, ...is } = after;
    for (const [field, value] of Object.entries(is))
      if (was[field as keyof typeof was] !== value) set[field] = value;
    for (const field of Object.keys(was)) if (!(field in is)) unset[field] = true;

    const update: UpdateOne["update"] = { $inc: { version: 1 } };
    const mine = before.outbox.length === 0 || before.outboxOwner === this.owner;
    let earlier: Written<S>["earlier"] = before.outbox;
    if (mine && this.relay.areConfirmed(before.outbox)) {
      earlier = [];
      if (before.outbox.length > 0) set.outbox = fresh;
    }
    if (fresh.length > 0) {
      // While another node sends this outbox it sends these messages too; if it has just finished, we lose
      // the race and decide again.
      if (!mine && (before.outboxDueAt ?? 0) > Date.now()) {
        query.outboxOwner = before.outboxOwner;
        earlier = null;
      } else Object.assign(set, this.lease());
      if (!set.outbox) update.$push = { outbox: { $each: fresh } };
    } else if (set.outbox) Object.assign(unset, { outboxOwner: true, outboxDueAt: true });
    if (Object.keys(set).length > 0) update.$set = set;
    if (Object.keys(unset).length > 0) update.$unset = unset;
    return { op: { query, update }, before, after, fresh, earlier };
  }
}

/** The ids whose first round begins with a read. */
const toRead = <S extends State>(open: Map<string, Change<S>[]>): string[] =>
  [...open].filter(([, changes]) => !changes.every(({ isNew }) => isNew)).map(([id]) => id);

/** Aggregates of any kind, as far as a service's life goes. */
type Relayed = Pick<Aggregates<State>, "relay" | "unsent"> & { adapter: StoreAdapter };

/** Gives a service its aggregates: connects the store, starts the relays with the broker and drains them at the end. */
export function aggregates(
  main: Relayed,
  further: Relayed[] = [],
  collections: StoreAdapter[] = [],
): Partial<ServiceSchema> {
  const all = [main, ...further];
  return {
    mixins: [store(main.adapter, ...further.map(({ adapter }) => adapter), ...collections)],
    actions: {
      /** For the operators: what the service has stored and not sent yet. */
      outbox: {
        visibility: "public",
        handler: async (ctx: Context<{ limit: number }>) =>
          (await Promise.all(all.map((one) => one.unsent(ctx.params.limit)))).flat(),
      },
    },
    events: {
      // The channels connect after the services have started: nothing can be sent before.
      [HUB_STARTED]() {
        for (const { relay } of all) relay.start();
      },
    },
    async stopped() {
      await Promise.all(all.map(({ relay }) => relay.stop()));
    },
  };
}
