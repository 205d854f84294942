import { HEADERS, type Delivery, type HubChannel } from "../types";
import type { EmbeddedLog } from "./log";
import { payloadOf, type Message } from "./message";
import { Progress, type Batch, type Fate, type Member, type Work } from "./work";

/** The most messages that one turn takes from the log, and hands out. */
const READ = 256;
const HAND_OUT = 128;
/** The most messages in memory that wait for a free handler. */
const PENDING = 512;
/** The most due retries that one turn loads. */
const RETRIES = 64;
/** A work this far behind the reader is parked, so that the cursor can go on without it. */
const STRAGGLER = 4_096;
/** Under pressure: how many messages a turn hands out, and the milliseconds between two such turns. */
const HAND_OUT_PRESSED = 32;
const PRESSED_EVERY = 100;
/** Milliseconds until a store that is away is asked again. */
const STORE_WAIT = 250;

interface Settlement {
  work: Work;
  fate: Fate;
  batch: Batch | null;
}

/** What one transaction writes. */
interface SettledRecord {
  settled: Settlement[];
  stragglers: Work[];
  cursors: { channel: string; progress: Progress; seq: number }[];
}

/**
 * One consumer group: reads the log in order, hands messages to its members, and records what became of
 * them, many in one transaction. An event that fails is parked with its due time, and the later ones of its
 * key behind it; the others go on.
 */
export class Group {
  private readonly members = new Set<Member>();
  private readonly channels = new Map<string, Progress>();
  private readonly batches = new Set<Batch>();
  /** Read up to here; each channel's `taken` says what was taken before. */
  private position = 0;
  private pending: Work[] = [];
  /** Works with a parked row that are in hand: not to be loaded a second time. */
  private readonly storedInHand = new Set<number>();
  /** Lanes with a work in a handler or on its way to the disk, and how many. */
  private readonly busy = new Map<string, number>();
  /** Lanes with parked messages, and how many: younger ones park behind them. */
  private readonly blocked = new Map<string, number>();
  private settled: Settlement[] = [];
  private writing = false;
  private turnAsked = false;
  private timer: NodeJS.Timeout | null = null;
  private nextDue = 0;
  private lastBatchAt = -Infinity;
  private waiters: (() => void)[] = [];

  constructor(
    readonly name: string,
    private readonly log: EmbeddedLog,
  ) {}

  /** Adds a member's channel; resolves when the group is known to the channel for good. */
  async join(member: Member, chan: HubChannel): Promise<void> {
    const { tables, engine, kind } = this.log;
    const first = this.members.size === 0;
    this.members.add(member);
    const cursor = await engine.write(() => {
      if (first) tables.releaseAbandoned(this.name, kind === "event");
      return tables.openCursor(this.name, chan.name);
    });
    if (first && kind === "event") {
      for (const { channel, key, n } of engine.read(() => tables.parkedKeys(this.name))) {
        this.blocked.set(laneOf(channel, key), n);
      }
    }
    if (!this.channels.has(chan.name)) this.addChannel(chan.name, cursor);
    member.chans.set(chan.name, chan);
    this.nextDue = 0;
    this.wake();
  }

  private addChannel(name: string, cursor: number): void {
    for (const progress of this.channels.values()) progress.taken = Math.max(progress.taken, this.position);
    this.position = this.channels.size === 0 ? cursor : Math.min(this.position, cursor);
    this.channels.set(name, new Progress(cursor, cursor));
  }

  /**
   * Takes a channel from a member. Waits for its messages under way, at most `timeout` ms; those that are
   * not settled by then go to the other members.
   */
  async leave(member: Member, chan: HubChannel, timeout: number): Promise<void> {
    member.chans.delete(chan.name);
    const own = () =>
      [...this.batches].filter((batch) => batch.member === member && batch.chan.name === chan.name);
    await this.until(() => own().length === 0, timeout);
    own().forEach((batch) => this.handBack(batch));
    if (![...this.members].some(({ chans }) => chans.has(chan.name))) this.dropChannel(chan.name);
    if (member.chans.size > 0) return this.wake();
    this.members.delete(member);
    if (this.members.size > 0) return this.wake();
    if (this.timer) clearTimeout(this.timer);
    this.log.forget(this);
    await this.until(() => this.settled.length === 0 && !this.writing, timeout);
  }

  /** Nobody here takes this channel any more: its messages stay in the log, and do not stand in the way. */
  private dropChannel(name: string): void {
    this.channels.delete(name);
    this.pending = this.pending.filter(({ message }) => {
      if (message.channel === name) this.storedInHand.delete(message.seq);
      return message.channel !== name;
    });
  }

  /** Resolves when a member has nothing under way, or after `timeout` ms. */
  idle(member: Member, timeout: number): Promise<void> {
    return this.until(() => member.inFlight === 0, timeout);
  }

  /** Messages that are not finished: unread, in hand, or parked. */
  lag(): number {
    const { tables, engine } = this.log;
    return engine.read(() => {
      let lag = tables.countParked(this.name);
      for (const [name, progress] of this.channels) {
        lag += tables.countAfter(name, Math.max(progress.taken, this.position)) + progress.open.size;
      }
      return lag;
    });
  }

  /** Asks for a turn. */
  wake(): void {
    if (this.turnAsked || this.members.size === 0) return;
    this.turnAsked = true;
    this.log.turns.next(() => this.turn());
  }

  private wakeIn(ms: number): void {
    if (this.timer) clearTimeout(this.timer);
    // A timer's longest delay is 24.8 days.
    this.timer = setTimeout(() => this.wake(), Math.min(Math.max(ms, 1), 2 ** 31 - 1));
  }

  private turn(): void {
    this.turnAsked = false;
    if (this.members.size === 0) return;
    const now = Date.now();
    const pressed = this.underPressure();
    // Not by the clock, which may be put back.
    if (pressed && performance.now() - this.lastBatchAt < PRESSED_EVERY) return this.wakeIn(PRESSED_EVERY);
    try {
      const took = this.loadDue(now) + this.read();
      const handedOut = this.handOut(pressed ? HAND_OUT_PRESSED : HAND_OUT);
      if (took + handedOut > 0) this.wake();
      else if (this.nextDue !== Infinity && this.pending.length < PENDING) this.wakeIn(this.nextDue - now);
    } catch (error) {
      // The store is away; anything else is a fault of this program and must be seen.
      if ((error as { code?: string }).code !== "STORE_UNAVAILABLE") throw error;
      this.wakeIn(STORE_WAIT);
    }
  }

  private underPressure(): boolean {
    for (const member of this.members) if (member.pressure?.()) return true;
    return false;
  }

  /** Takes parked messages whose time has come; says how many. */
  private loadDue(now: number): number {
    if (now < this.nextDue || this.pending.length >= PENDING) return 0;
    const { tables, engine } = this.log;
    const channels = [...this.channels.keys()];
    const rows = engine.read(() => tables.due(this.name, channels, now, [...this.storedInHand], RETRIES));
    const works = rows.map((row) => {
      this.storedInHand.add(row.message.seq);
      return { ...row, lane: this.lane(row.message), stored: true, blocking: true, settled: false };
    });
    this.pending = [...works, ...this.pending];
    if (works.length === RETRIES) return works.length;
    this.nextDue = engine.read(() => tables.nextDue(this.name, channels, [...this.storedInHand]));
    return works.length;
  }

  /** Takes messages from the log; says how many it went over. */
  private read(): number {
    const room = Math.min(READ, PENDING - this.pending.length);
    if (room <= 0) return 0;
    const messages = this.log.read(this.position, room);
    for (const message of messages) this.take(message);
    return messages.length;
  }

  private take(message: Message): void {
    const { seq, channel } = message;
    this.position = seq;
    const progress = this.channels.get(channel);
    if (!progress || seq <= progress.taken) return;
    progress.taken = seq;
    const only = message.headers[HEADERS.onlyGroup];
    if (only !== undefined && only !== this.name) return;
    const lane = this.lane(message);
    const work = { message, attempts: 0, outages: 0, lane, stored: false, blocking: false, settled: false };
    progress.open.set(seq, work);
    this.pending.push(work);
  }

  private lane({ channel, key }: Message): string | null {
    return this.log.kind === "event" && key !== null ? laneOf(channel, key) : null;
  }

  /** Hands pending messages to members with room, at most `most`; says how many. */
  private handOut(most: number): number {
    const ready: Batch[] = [];
    const filling = new Map<string, Batch | null>();
    const inBatch = new Map<string, Batch>();
    const rest: Work[] = [];
    let count = 0;
    for (const work of this.pending) {
      const { lane } = work;
      if (count >= most) {
        rest.push(work);
        continue;
      }
      if (lane !== null && !work.blocking && this.blocked.has(lane)) {
        count++;
        // Counted from now on: the next of this lane must see it before it is on disk.
        work.blocking = true;
        add(this.blocked, lane, 1);
        this.settle(work, { type: "behind" }, null);
        continue;
      }
      const { channel } = work.message;
      let batch: Batch | null | undefined;
      if (lane !== null && this.busy.has(lane)) {
        // Those of one lane may share a batch, in their order; another batch would run beside it.
        batch = inBatch.get(lane);
        if (batch && isFull(batch)) batch = null;
      } else {
        batch = filling.get(channel);
        if (batch === undefined || (batch && isFull(batch))) {
          filling.set(channel, (batch = this.openBatch(channel)));
          if (batch) ready.push(batch);
        }
      }
      if (!batch) {
        rest.push(work);
        continue;
      }
      count++;
      batch.works.add(work);
      batch.member.inFlight++;
      if (lane !== null) {
        inBatch.set(lane, batch);
        add(this.busy, lane, 1);
      }
    }
    this.pending = rest;
    if (ready.length > 0) this.lastBatchAt = performance.now();
    for (const batch of ready) void this.runBatch(batch);
    return count;
  }

  /** An empty batch for the member of a channel that has most room; null when none has any. */
  private openBatch(channel: string): Batch | null {
    let best: Member | null = null;
    for (const member of this.members) {
      const chan = member.chans.get(channel);
      if (!chan || !member.taking || member.inFlight >= chan.maxInFlight) continue;
      if (!best || member.inFlight < best.inFlight) best = member;
    }
    const chan = best?.chans.get(channel);
    return best && chan ? { member: best, chan, works: new Set(), abandoned: false } : null;
  }

  private async runBatch(batch: Batch): Promise<void> {
    const { member, chan } = batch;
    this.batches.add(batch);
    const works: Work[] = [];
    const payloads: unknown[] = [];
    const deliveries: Delivery[] = [];
    for (const work of batch.works) {
      const delivery = this.delivery(work);
      const parsed = payloadOf(work.message);
      if (!parsed.ok) {
        this.settle(work, member.unreadable(chan, work, delivery, parsed.error), batch);
        continue;
      }
      works.push(work);
      payloads.push(parsed.payload);
      deliveries.push(delivery);
    }
    if (works.length === 0) return;
    const settle = (i: number, error: Error | null) => {
      const fate: Fate = error
        ? member.fail(chan, works[i], deliveries[i], payloads[i], error)
        : { type: "done" };
      this.settle(works[i], fate, batch);
    };
    const outcomes = await member.run(chan, payloads, deliveries);
    outcomes.forEach((outcome, i) => {
      if (outcome instanceof Promise) void outcome.then((error) => settle(i, error));
      else settle(i, outcome);
    });
  }

  private delivery(work: Work): Delivery {
    const { channel, key, headers } = work.message;
    return { channel, group: this.name, key, headers: { ...headers }, attempt: work.attempts + 1 };
  }

  private settle(work: Work, fate: Fate, batch: Batch | null): void {
    if (batch?.abandoned) return;
    work.settled = true;
    this.settled.push({ work, fate, batch });
    if (!this.writing) void this.record();
  }

  /** Writes what was settled, in one transaction; again and again until it is on disk. */
  private async record(): Promise<void> {
    this.writing = true;
    let record: SettledRecord | null = null;
    // Made when the transaction runs: all that settles in this turn is in it.
    const write = () => this.store((record ??= this.newRecord()));
    for (;;) {
      try {
        await this.log.transact(write);
        break;
      } catch {
        // Nothing was acknowledged. With no member left it comes again after the next start.
        if (this.members.size === 0) break;
        await new Promise((resolve) => setTimeout(resolve, STORE_WAIT));
      }
    }
    if (record) this.recorded(record);
    this.writing = false;
    if (this.settled.length > 0) void this.record();
    this.log.sweepSoon();
    this.notifyWaiters();
    this.wake();
  }

  private newRecord(): SettledRecord {
    const { settled } = this;
    this.settled = [];
    for (const { work } of settled) this.channels.get(work.message.channel)?.open.delete(work.message.seq);
    const stragglers = this.stragglers();
    const cursors: SettledRecord["cursors"] = [];
    for (const [channel, progress] of this.channels) {
      const seq = progress.cursor(this.position);
      if (seq > progress.stored) cursors.push({ channel, progress, seq });
    }
    return { settled, stragglers, cursors };
  }

  /** Works that hold the cursor back are parked as they are; from now on they have a row. */
  private stragglers(): Work[] {
    const works: Work[] = [];
    for (const progress of this.channels.values()) {
      for (const [seq, work] of progress.open) {
        if (seq >= progress.taken - STRAGGLER) break;
        progress.open.delete(seq);
        work.stored = true;
        this.storedInHand.add(seq);
        works.push(work);
      }
    }
    return works;
  }

  /** The transaction; gives the messages that it added to the log. */
  private store({ settled, stragglers, cursors }: SettledRecord): Message[] {
    const { tables } = this.log;
    for (const work of stragglers) tables.park(this.name, work, null);
    const deadLetters = settled.flatMap(({ work, fate }) => this.storeFate(work, fate));
    for (const { channel, seq } of cursors) tables.moveCursor(this.name, channel, seq);
    return deadLetters;
  }

  private storeFate(work: Work, fate: Fate): Message[] {
    const { tables } = this.log;
    const { seq, channel, key } = work.message;
    if (fate.type === "retry") {
      tables.park(this.name, { ...work, attempts: fate.attempts, outages: fate.outages }, fate.due);
    } else if (fate.type === "behind") {
      tables.parkBehind(this.name, work);
    } else {
      if (work.stored) tables.unpark(this.name, seq);
      if (work.stored && work.lane !== null) tables.releaseNext(this.name, channel, key as string);
      if (fate.deadLetter) return [this.log.insert(fate.deadLetter)];
    }
    return [];
  }

  /** What the transaction changes here, once it is on disk. */
  private recorded({ settled, cursors }: SettledRecord): void {
    for (const { progress, seq } of cursors) progress.stored = seq;
    for (const { work, fate, batch } of settled) {
      const { lane } = work;
      this.storedInHand.delete(work.message.seq);
      if (fate.type === "done") {
        if (lane !== null && work.blocking) add(this.blocked, lane, -1);
        if (work.stored) this.nextDue = 0;
      } else {
        if (lane !== null && !work.blocking) add(this.blocked, lane, 1);
        this.nextDue = fate.type === "retry" ? Math.min(this.nextDue, fate.due) : 0;
      }
      if (batch) this.release(work, batch);
    }
  }

  private release(work: Work, batch: Batch): void {
    if (!batch.works.delete(work)) return;
    batch.member.inFlight--;
    if (work.lane !== null) add(this.busy, work.lane, -1);
    if (batch.works.size === 0) this.batches.delete(batch);
  }

  /** What a member did not settle goes to the others. */
  private handBack(batch: Batch): void {
    batch.abandoned = true;
    const works = [...batch.works].filter((work) => !work.settled);
    for (const work of works) this.release(work, batch);
    this.pending = [...works, ...this.pending].sort((a, b) => a.message.seq - b.message.seq);
  }

  /** Resolves when `done()` holds after some settlement was recorded, or after `timeout` ms. */
  private async until(done: () => boolean, timeout: number): Promise<void> {
    const deadline = Date.now() + timeout;
    while (!done() && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  private notifyWaiters(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const tell of waiters) tell();
  }
}

const laneOf = (channel: string, key: string): string => `${channel}\0${key}`;

function isFull({ chan, works, member }: Batch): boolean {
  return works.size >= (chan.batch ?? 1) || member.inFlight >= chan.maxInFlight;
}

function add(counts: Map<string, number>, name: string, n: number): void {
  const count = (counts.get(name) ?? 0) + n;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
