import type { SqliteEngine } from "../../store/sqlite/engine";
import { DEAD_LETTERS } from "../types";
import { Group } from "./group";
import type { Draft, Message } from "./message";
import { LogTables } from "./tables";
import { Tail } from "./tail";
import { Turns } from "./turns";

/** Removed in one write: few enough for nobody to notice. */
const REMOVE_AT_ONCE = 500;

interface Outgoing {
  draft: Draft;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * A durable log of messages in the store's SQLite file, one for each kind, shared by all adapters of the
 * process. Messages are appended in one transaction a turn; each group goes over the log at its own pace
 * (`Group`); what every group of a channel has finished is removed.
 */
export class EmbeddedLog {
  private static readonly logs = new WeakMap<SqliteEngine, Map<string, EmbeddedLog>>();

  readonly tables: LogTables;
  readonly turns = new Turns();
  private readonly tail: Tail;
  private readonly groups = new Map<string, Group>();
  private lastSeq: number;
  private outgoing: Outgoing[] = [];
  private sweeping: NodeJS.Timeout | null = null;

  /** The log of a store and kind. `retentionMs`: how long events are kept at least (the first caller's). */
  static of(engine: SqliteEngine, kind: "command" | "event", retentionMs: number): EmbeddedLog {
    let logs = EmbeddedLog.logs.get(engine);
    if (!logs) EmbeddedLog.logs.set(engine, (logs = new Map()));
    let log = logs.get(kind);
    if (!log) logs.set(kind, (log = new EmbeddedLog(engine, kind, retentionMs)));
    return log;
  }

  private constructor(
    readonly engine: SqliteEngine,
    readonly kind: "command" | "event",
    private readonly retentionMs: number,
  ) {
    this.tables = new LogTables(engine, kind);
    this.lastSeq = this.tables.lastSeq();
    this.tail = new Tail(this.lastSeq);
  }

  /** Appends a message; resolves when it is on disk. */
  append(draft: Draft): Promise<void> {
    return new Promise((resolve, reject) => {
      this.outgoing.push({ draft, resolve, reject });
      if (this.outgoing.length === 1) this.flush();
    });
  }

  private flush(): void {
    let batch: Outgoing[] = [];
    const insertAll = () => {
      // Taken when the transaction runs: all that was published in this turn is in it.
      batch = this.outgoing;
      this.outgoing = [];
      return batch.map(({ draft }) => this.insert(draft));
    };
    this.transact(insertAll).then(
      () => batch.forEach(({ resolve }) => resolve()),
      (error) => {
        if (batch.length === 0) [batch, this.outgoing] = [this.outgoing, []];
        batch.forEach(({ reject }) => reject(error));
      },
    );
  }

  /** Writes one message; only inside `transact`. */
  insert(draft: Draft): Message {
    const message = { ...draft, seq: ++this.lastSeq };
    this.tables.insert(message, Date.now());
    return message;
  }

  /** Runs a transaction that returns the messages it inserted; the groups see them after the commit. */
  async transact(run: () => Message[]): Promise<void> {
    const messages = await this.engine.write(run);
    if (messages.length === 0) return;
    for (const message of messages) this.tail.push(message);
    for (const group of this.groups.values()) group.wake();
  }

  /** At most `limit` messages after `seq`, in order. */
  read(seq: number, limit: number): Message[] {
    return this.tail.after(seq, limit) ?? this.engine.read(() => this.tables.read(seq, limit));
  }

  /** The group of this name; it lives while it has members. */
  group(name: string): Group {
    let group = this.groups.get(name);
    if (!group) this.groups.set(name, (group = new Group(name, this)));
    return group;
  }

  forget(group: Group): void {
    if (this.groups.get(group.name) === group) this.groups.delete(group.name);
  }

  /** Something was finished: remove it before long. */
  sweepSoon(): void {
    if (this.sweeping) return;
    this.sweeping = setTimeout(() => void this.sweep(), this.kind === "command" ? 50 : 1_000);
    this.sweeping.unref();
  }

  private async sweep(): Promise<void> {
    let more = false;
    try {
      const over = this.over(Date.now());
      const channels = this.engine.read(() => this.tables.channels());
      for (const channel of channels) {
        const removed = await this.engine.write(() => this.removeDone(channel, over));
        more ||= removed === REMOVE_AT_ONCE;
      }
    } catch {
      // The store is away or closed: what is done stays a little longer.
    }
    this.sweeping = null;
    if (more) {
      this.sweeping = setTimeout(() => void this.sweep(), 5);
      this.sweeping.unref();
    }
  }

  /** The times of messages that are over; one from far ahead was written before the clock was put back. */
  private over(now: number): { before: number; after: number } {
    if (this.kind === "command") return { before: Number.MAX_SAFE_INTEGER, after: Number.MAX_SAFE_INTEGER };
    return { before: now - this.retentionMs, after: now + this.retentionMs };
  }

  private removeDone(channel: string, over: { before: number; after: number }): number {
    const floor = this.tables.floor(channel) ?? (this.keepsUnread(channel) ? 0 : this.lastSeq);
    return this.tables.remove(channel, floor, over, REMOVE_AT_ONCE);
  }

  /** A command, or a dead letter, waits for its first reader for ever; an event for the time of retention. */
  private keepsUnread(channel: string): boolean {
    return this.kind === "command" || channel === DEAD_LETTERS;
  }
}
