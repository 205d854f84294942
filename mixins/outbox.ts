import type { LoggerInstance, ServiceBroker } from "moleculer";
import { isCommand, messageType, type MessageEnvelope } from "../contracts/envelope";
import { EVENTS, type EventType } from "../contracts/events";
import type { Document, StoreAdapter } from "../store/types";

/** A message that an aggregate still has to send. */
export interface OutboxEntry {
  id: string;
  message: MessageEnvelope;
}

/** What the outbox adds to a document. `outboxDueAt` (ms) is there only while something is to be sent. */
export interface OutboxFields extends Document {
  version: number;
  outbox: OutboxEntry[];
  /** The relay that sends it, alone, until `outboxDueAt`. */
  outboxOwner?: string;
  outboxDueAt?: number;
}

/** How long a node may take to send an outbox before others may, in milliseconds. */
export const LEASE_MS = 10_000;
const SWEEP_MS = 1_000;
const SWEEP_LIMIT = 500;
/** The most messages in one publish; and the most kept in memory while a broker is away. */
const BATCH = 512;
const HELD = 20_000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;

type Sent = (documentId: string, messageIds: string[]) => void;

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
    private readonly publish: (message: MessageEnvelope) => Promise<void>,
    private readonly sent: Sent,
    private readonly logger: LoggerInstance,
  ) {}

  has(documentId: string): boolean {
    return this.waiting.has(documentId);
  }

  get size(): number {
    return this.held;
  }

  /** Takes messages in; what is more than may be held is left to the sweeper. */
  add(documentId: string, entries: OutboxEntry[]): void {
    const known = this.waiting.get(documentId) ?? [];
    const fresh = entries.filter((entry) => !known.some((k) => k.id === entry.id));
    if (fresh.length === 0 || (known.length === 0 && this.held > HELD)) return;
    this.waiting.set(documentId, [...known, ...fresh]);
    this.held += fresh.length;
    this.go();
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
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.size > 0 && this.open) {
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

  /** Publishes one batch; returns the first error, if any. */
  private async flush(): Promise<unknown> {
    const batch: [string, OutboxEntry][] = [];
    for (const [id, entries] of this.waiting) {
      if (batch.length >= BATCH) break;
      for (const entry of entries) batch.push([id, entry]);
    }
    let failure: unknown = null;
    const confirmed = new Map<string, string[]>();
    await Promise.all(
      batch.map(async ([documentId, { id, message }]) => {
        try {
          await this.publish(message);
          const ids = confirmed.get(documentId);
          if (ids) ids.push(id);
          else confirmed.set(documentId, [id]);
        } catch (error) {
          failure ??= error;
        }
      }),
    );
    for (const [documentId, ids] of confirmed) {
      const rest = (this.waiting.get(documentId) ?? []).filter((entry) => !ids.includes(entry.id));
      if (rest.length > 0) this.waiting.set(documentId, rest);
      else this.waiting.delete(documentId);
      this.held -= ids.length;
      this.sent(documentId, ids);
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
  private done = new Map<string, string[]>();
  private clearing: Promise<void> | null = null;
  private sweeper: NodeJS.Timeout | null = null;
  private sweeping: Promise<void> | null = null;

  constructor(
    broker: ServiceBroker,
    /** What stands in a document's `outboxOwner` while this relay sends it. */
    private readonly owner: string,
    private readonly adapter: StoreAdapter<OutboxFields>,
    private readonly logger: LoggerInstance,
  ) {
    const sent: Sent = (documentId, ids) => this.forget(documentId, ids);
    const publish = (message: MessageEnvelope): Promise<void> =>
      isCommand(message)
        ? broker.sendCommand(message.commandType, message, { key: message.key })
        : broker.publishEvent(EVENTS[messageType(message) as EventType].topic, message, { key: message.key });
    this.commands = new Lane(publish, sent, logger);
    this.events = new Lane(publish, sent, logger);
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
    while (this.clearing) await this.clearing;
  }

  /** Sends these messages of a document, after those of it that wait already. */
  send(documentId: string, entries: OutboxEntry[]): void {
    const commands = entries.filter((entry) => isCommand(entry.message));
    const events = entries.filter((entry) => !isCommand(entry.message));
    if (commands.length > 0) this.commands.add(documentId, commands);
    if (events.length > 0) this.events.add(documentId, events);
  }

  private forget(documentId: string, ids: string[]): void {
    if (ids.length > 0) this.done.set(documentId, [...(this.done.get(documentId) ?? []), ...ids]);
    this.clearing ??= this.clear().finally(() => {
      this.clearing = null;
      if (this.done.size > 0) this.forget("", []);
    });
  }

  /** Two updates a batch: take out what was confirmed, then free the documents that have nothing left. */
  private async clear(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.done.size > 0) {
      const done = this.done;
      this.done = new Map();
      const ids = [...done.keys()];
      const messages = [...done.values()].flat();
      try {
        await this.adapter.updateMany(
          { _id: { $in: ids } },
          { $pull: { outbox: { id: { $in: messages } } } },
        );
        await this.adapter.updateMany(
          { _id: { $in: ids }, outboxOwner: this.owner, outbox: { $size: 0 } },
          { $unset: { outboxDueAt: true, outboxOwner: true } },
        );
      } catch (error) {
        // They will be sent again when the lease ends; every consumer takes that.
        this.logger.warn(`Outbox not cleared: ${(error as Error).message}`);
      }
    }
  }

  /** Takes over the outboxes whose lease has ended, and renews the lease of those that wait here. */
  private async sweep(): Promise<void> {
    const now = Date.now();
    const due = await this.adapter.find({
      query: { outboxDueAt: { $lte: now } },
      sort: "outboxDueAt",
      limit: SWEEP_LIMIT,
    });
    if (due.length === 0) return;
    const claimed = await this.adapter.updateEach(
      due.map(({ _id, version }) => ({
        query: { _id, version },
        update: { $set: { outboxDueAt: now + LEASE_MS, outboxOwner: this.owner } },
      })),
    );
    due.forEach((document, i) => {
      if (claimed[i]) this.send(document._id, document.outbox);
    });
  }
}
