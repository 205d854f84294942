import type { LoggerInstance, ServiceBroker } from "moleculer";
import { isRetryable } from "../../contracts/errors";
import { isCommand, messageType, type MessageEnvelope } from "../../contracts/envelope";
import { EVENTS, type EventType } from "../../contracts/events";
import { TRACEPARENT } from "../../contracts/traceparent";
import { othersFirst } from "../others-first";
import type { Requests } from "../http/requests-first";
import type { Document, StoreAdapter, Update } from "../../store/types";

/** A message that an aggregate still has to send. */
export interface OutboxEntry {
  id: string;
  message: MessageEnvelope;
  /** The `traceparent` of what made it, where that is traced; it travels in the message's headers. */
  trace?: string;
}

/** What the outbox adds to a document. `outboxDueAt` (ms) is there only while something is to be sent. */
export interface OutboxFields extends Document {
  version: number;
  outbox: OutboxEntry[];
  /** The relay that sends it, alone, until `outboxDueAt`. */
  outboxOwner?: string;
  outboxDueAt?: number;
}

/** Documents that still have something to send; the longest due first, by `outboxDueAt`. */
export const UNSENT = { outboxDueAt: { $exists: true } };

/** Leases are renewed while a broker is away, so the oldest is looked for among so many. */
const LOOKED_AT = 100;

/** How many documents of a collection have messages that are not sent, and how old (seconds) the oldest is. */
export async function backlogOf(
  adapter: StoreAdapter<OutboxFields>,
): Promise<{ pending: number; oldestSeconds: number }> {
  const [pending, some] = await Promise.all([
    adapter.count({ query: UNSENT }),
    adapter.find({ query: UNSENT, sort: "outboxDueAt", limit: LOOKED_AT, fields: ["outbox"] }),
  ]);
  const times = some.flatMap(({ outbox }) => outbox.map(({ message }) => Date.parse(message.timestamp)));
  const now = Date.now();
  return { pending, oldestSeconds: (now - Math.min(now, ...times)) / 1000 };
}

/** How long a node may take to send an outbox before others may, in milliseconds. */
export const LEASE_MS = 10_000;
const SWEEP_MS = 1_000;
const SWEEP_LIMIT = 500;
/** The most messages in one publish; and the most kept in memory while a broker is away. */
const BATCH = 512;
const HELD = 20_000;
/**
 * A node that is alone takes out what was confirmed after so many milliseconds, twice as many at most: by then
 * most documents were written again, and that write has taken it out. While requests wait, `CLEAR_PATIENCE`
 * times as many. Where there are other nodes it is taken out at once: what they put in waits for it.
 */
const CLEAR_MS = 1_000;
const CLEAR_PATIENCE = 4;
/** The wait between two publishes while requests go first, in milliseconds. */
const YIELD_MS = 20;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;

interface LaneEvents {
  /** These messages were confirmed. */
  sent(documentId: string, messageIds: string[]): void;
  /** The rest of a document's messages stays in the store: one of them can't be sent as it is. */
  refused(documentId: string): void;
}

/** True where no other node can write to the store. A mesh that is not connected says nothing of others. */
function isAlone({ hub, registry, transit }: ServiceBroker): boolean {
  if (hub.database.kind === "sqlite") return true;
  return transit?.connected === true && registry.nodes.list({ onlyAvailable: true }).length === 1;
}

/**
 * The messages of one transport that wait to be published: documents side by side, the messages of one
 * document in their order. What is not confirmed stays in front and is tried again with backoff.
 */
class Lane {
  private readonly waiting = new Map<string, OutboxEntry[]>();
  private running: Promise<void> | null = null;
  private held = 0;
  /** Nothing can be sent before the channels are connected. */
  private open = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly publish: (entry: OutboxEntry) => Promise<void>,
    private readonly on: LaneEvents,
    private readonly requests: Requests,
    private readonly logger: LoggerInstance,
  ) {}

  has(documentId: string): boolean {
    return this.waiting.has(documentId);
  }

  get size(): number {
    return this.held;
  }

  /** Takes messages in; false: there are more than may be held, they are left to the sweeper. */
  add(documentId: string, entries: OutboxEntry[]): boolean {
    const known = this.waiting.get(documentId) ?? [];
    const fresh = entries.filter((entry) => !known.some((k) => k.id === entry.id));
    if (fresh.length === 0) return true;
    if (known.length === 0 && this.held > HELD) return false;
    this.waiting.set(documentId, [...known, ...fresh]);
    this.held += fresh.length;
    this.go();
    return true;
  }

  start(): void {
    this.open = true;
    if (this.held > 0) this.go();
  }

  private go(): void {
    if (!this.open || this.running) return;
    this.running = this.run().finally(() => {
      this.running = null;
      if (this.held > 0) this.go();
    });
  }

  async stop(): Promise<void> {
    this.open = false;
    this.wake?.();
    await this.running;
  }

  private async run(): Promise<void> {
    let backoff = FIRST_BACKOFF_MS;
    // Let the writes that were committed together come in together.
    await othersFirst();
    while (this.waiting.size > 0 && this.open) {
      if (this.requests.busy) await this.pause(YIELD_MS);
      const failure = await this.flush();
      if (!failure) {
        backoff = FIRST_BACKOFF_MS;
        continue;
      }
      this.logger.warn(`Messages wait to be sent (${this.held}): ${(failure as Error).message}`);
      await this.pause(backoff * (0.75 + Math.random() / 2));
      backoff = Math.min(backoff * 2, LONGEST_BACKOFF_MS);
    }
  }

  /** Publishes one batch; returns the first error that passes with time, if any. */
  private async flush(): Promise<unknown> {
    const batch: [string, OutboxEntry][] = [];
    for (const [id, entries] of this.waiting) {
      if (batch.length >= BATCH) break;
      for (const entry of entries) batch.push([id, entry]);
    }
    let failure: unknown = null;
    const refused = new Set<string>();
    const confirmed = new Map<string, string[]>();
    await Promise.all(
      batch.map(async ([documentId, entry]) => {
        const { id, message } = entry;
        try {
          await this.publish(entry);
          const ids = confirmed.get(documentId);
          if (ids) ids.push(id);
          else confirmed.set(documentId, [id]);
        } catch (error) {
          if (isRetryable(error)) failure ??= error;
          else {
            refused.add(documentId);
            this.logger.error(
              { correlationId: message.correlationId },
              `${messageType(message)} ${id} of ${documentId} is not sent: ${(error as Error).message}`,
            );
          }
        }
      }),
    );
    for (const [documentId, ids] of confirmed) {
      const rest = (this.waiting.get(documentId) ?? []).filter((entry) => !ids.includes(entry.id));
      if (rest.length > 0) this.waiting.set(documentId, rest);
      else this.waiting.delete(documentId);
      this.held -= ids.length;
      this.on.sent(documentId, ids);
    }
    for (const documentId of refused) {
      this.held -= this.waiting.get(documentId)?.length ?? 0;
      this.waiting.delete(documentId);
      this.on.refused(documentId);
    }
    return failure;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Sends what lies in the outboxes of one collection. The node that wrote a document sends its outbox at
 * once; a sweep takes over what a node left behind, under a lease that lies in the document. A message
 * leaves the outbox only after its broker has confirmed it.
 */
export class OutboxRelay {
  private readonly commands: Lane;
  private readonly events: Lane;
  /** What was confirmed and is still to be taken out: since the last clearing, and before it. */
  private done = new Map<string, string[]>();
  private due = new Map<string, string[]>();
  /** Ids confirmed during this lease time and the one before: a document that is not cleared yet has them still. */
  private confirmed = [new Set<string>(), new Set<string>()];
  private confirmedSince = 0;
  /** The version at which all that a document's outbox held was confirmed, or waits here. */
  private readonly versions = new Map<string, number>();
  private readonly requests: Requests;
  private readonly isAlone: () => boolean;
  private clearing: Promise<void> | null = null;
  private clearer: NodeJS.Timeout | null = null;
  private sweeper: NodeJS.Timeout | null = null;
  private sweeping: Promise<void> | null = null;

  constructor(
    broker: ServiceBroker,
    /** What stands in a document's `outboxOwner` while this relay sends it. */
    private readonly owner: string,
    private readonly adapter: StoreAdapter<OutboxFields>,
    private readonly logger: LoggerInstance,
  ) {
    const on: LaneEvents = {
      sent: (documentId, ids) => {
        for (const id of ids) this.confirmed[0].add(id);
        this.done.set(documentId, [...(this.done.get(documentId) ?? []), ...ids]);
        this.clearSoon();
      },
      refused: (documentId) => this.versions.delete(documentId),
    };
    this.requests = broker.hub.requests;
    this.isAlone = () => isAlone(broker);
    const publish = ({ message, trace }: OutboxEntry): Promise<void> => {
      const command = isCommand(message);
      const channel = command ? message.commandType : EVENTS[messageType(message) as EventType].topic;
      const span = trace === undefined ? null : broker.hub.tracing?.publish(message, channel, trace);
      const traceparent = span?.traceparent ?? trace;
      const options = { key: message.key, ...(traceparent && { headers: { [TRACEPARENT]: traceparent } }) };
      const sent = command
        ? broker.sendCommand(channel, message, options)
        : broker.publishEvent(channel, message, options);
      return span ? span.during(sent) : sent;
    };
    this.commands = new Lane(publish, on, this.requests, logger);
    this.events = new Lane(publish, on, this.requests, logger);
  }

  /** Messages that wait on this node. */
  get pending(): number {
    return this.commands.size + this.events.size;
  }

  start(): void {
    this.commands.start();
    this.events.start();
    const sweep = () => {
      this.sweeping = this.sweep().catch((error: Error) =>
        this.logger.warn(`Outbox sweep: ${error.message}`),
      );
      void this.sweeping.then(() => {
        if (this.sweeper) this.sweeper = setTimeout(sweep, SWEEP_MS * (0.75 + Math.random() / 2));
      });
    };
    this.sweeper = setTimeout(sweep, Math.random() * SWEEP_MS);
  }

  /** Ends after what is being published was confirmed or refused; the rest stays in the store. */
  async stop(): Promise<void> {
    if (this.sweeper) clearTimeout(this.sweeper);
    this.sweeper = null;
    await Promise.all([this.sweeping, this.commands.stop(), this.events.stop()]);
    if (this.clearer) clearTimeout(this.clearer);
    await this.clearing;
    await this.clear();
    await this.clear();
  }

  /**
   * Sends the outbox of a document that has `version` now: `fresh` is what this write put into it, `earlier`
   * what it had before. Messages of it that wait here already keep their places.
   */
  send(documentId: string, version: number, fresh: OutboxEntry[], earlier: OutboxEntry[] = []): void {
    // Of a document that has nothing to send nothing is remembered: no confirmation would ever end it.
    if (fresh.length + earlier.length === 0) return;
    const unsent = earlier.filter((entry) => !this.isConfirmed(entry));
    const entries = [...unsent, ...fresh];
    const commands = entries.filter((entry) => isCommand(entry.message));
    const events = entries.filter((entry) => !isCommand(entry.message));
    const taken = [
      commands.length === 0 || this.commands.add(documentId, commands),
      events.length === 0 || this.events.add(documentId, events),
    ];
    if (taken.every(Boolean)) this.versions.set(documentId, version);
    else this.versions.delete(documentId);
  }

  /** Whether each of these was confirmed to this node: a write of their document may leave them out. */
  areConfirmed(entries: OutboxEntry[]): boolean {
    return entries.every((entry) => this.isConfirmed(entry));
  }

  private isConfirmed({ id }: OutboxEntry): boolean {
    return this.confirmed.some((ids) => ids.has(id));
  }

  /** A write of this document has taken out what was confirmed. */
  cleared(documentId: string): void {
    this.done.delete(documentId);
    this.due.delete(documentId);
    this.versions.delete(documentId);
  }

  private clearSoon(patience = CLEAR_PATIENCE): void {
    this.clearer ??= setTimeout(
      () => {
        this.clearer = null;
        if (this.requests.busy && patience > 0) return this.clearSoon(patience - 1);
        this.clearing = this.clear().finally(() => {
          if (this.done.size + this.due.size > 0) this.clearSoon();
        });
      },
      this.isAlone() ? CLEAR_MS : 0,
    );
  }

  /**
   * Takes out what was confirmed (alone: before the last clearing), and frees the documents that have nothing
   * left.
   */
  private async clear(): Promise<void> {
    const due = this.due;
    this.due = new Map();
    if (this.isAlone()) this.due = this.done;
    else for (const [id, ids] of this.done) due.set(id, [...(due.get(id) ?? []), ...ids]);
    this.done = new Map();
    if (due.size === 0) return;
    try {
      await this.takeOut(await this.empty(due), due);
    } catch (error) {
      // They will be sent again when the lease ends; every consumer takes that.
      this.logger.warn(`Outbox not cleared: ${(error as Error).message}`);
    }
  }

  /**
   * Empties and frees, with one update, the documents that nobody has written since and of which all is
   * sent; returns the others.
   */
  private async empty(done: Map<string, string[]>): Promise<string[]> {
    const others: string[] = [];
    const sent = new Map<number, string[]>();
    for (const id of done.keys()) {
      const version = this.versions.get(id);
      const waits = this.commands.has(id) || this.events.has(id);
      if (!waits) this.versions.delete(id);
      if (waits || version === undefined) others.push(id);
      else sent.set(version, [...(sent.get(version) ?? []), id]);
    }
    await Promise.all(
      [...sent].map(async ([version, ids]) => {
        const emptied = await this.adapter.updateMany(
          { _id: { $in: ids }, version, outboxOwner: this.owner },
          { $set: { outbox: [] }, $unset: { outboxDueAt: true, outboxOwner: true } },
        );
        if (emptied < ids.length) others.push(...ids);
      }),
    );
    return others;
  }

  /** Takes out what was confirmed, frees the documents that have nothing left, and sends what others added. */
  private async takeOut(ids: string[], done: Map<string, string[]>): Promise<void> {
    if (ids.length === 0) return;
    const messages = ids.flatMap((id) => done.get(id) ?? []);
    await this.adapter.updateMany({ _id: { $in: ids } }, { $pull: { outbox: { id: { $in: messages } } } });
    await this.adapter.updateMany(
      { _id: { $in: ids }, outboxOwner: this.owner, outbox: { $size: 0 } },
      { $unset: { outboxDueAt: true, outboxOwner: true } },
    );
    const left = await this.adapter.find({ query: { _id: { $in: ids }, outboxOwner: this.owner } });
    for (const document of left) this.send(document._id, document.version, [], document.outbox);
  }

  /** Takes over the outboxes whose lease has ended, and renews the lease of those that wait here. */
  private async sweep(): Promise<void> {
    const now = Date.now();
    // Not by the clock, which may be put back.
    if (performance.now() - this.confirmedSince > LEASE_MS) {
      this.confirmed = [new Set(), this.confirmed[0]];
      this.confirmedSince = performance.now();
    }
    const due = await this.adapter.find({
      query: { outboxDueAt: { $lte: now } },
      sort: "outboxDueAt",
      limit: SWEEP_LIMIT,
    });
    if (due.length === 0) return;
    // A node that died between the two updates of a clearing has left the lease of an empty outbox.
    const update = ({ outbox }: OutboxFields): Update =>
      outbox.length > 0
        ? { $set: { outboxDueAt: now + LEASE_MS, outboxOwner: this.owner } }
        : { $unset: { outboxDueAt: true, outboxOwner: true } };
    const claimed = await this.adapter.updateEach(
      due.map((document) => {
        const { _id, version, outboxDueAt } = document;
        return { query: { _id, version, outboxDueAt }, update: update(document) };
      }),
    );
    due.forEach((document, i) => {
      if (claimed[i]) this.send(document._id, document.version, document.outbox);
    });
  }
}
