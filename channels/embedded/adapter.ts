import { ChannelUnavailableError } from "../../contracts/errors";
import type { SqliteEngine } from "../../store/sqlite/engine";
import { HubAdapterBase } from "../base";
import { BehindFailedError, type Settled } from "../run-batch";
import { DEAD_LETTERS, type Delivery, type GroupLag, type HubChannel, type PublishOptions } from "../types";
import { EmbeddedLog } from "./log";
import type { Draft } from "./message";
import type { Fate, Member, Work } from "./work";

export interface EmbeddedOptions {
  /** The store's engine; asked for when the adapter connects. */
  engine: () => SqliteEngine;
  kind: "command" | "event";
  /** Milliseconds that events are kept at least, also when every group has finished them. One hour. */
  retentionMs?: number;
  /** Milliseconds that a member that leaves waits for its handlers. Five seconds. */
  leaveTimeout?: number;
  /** True while HTTP requests wait: handlers then get less of the event loop, but never nothing. */
  pressure?: () => boolean;
}

const HOUR = 3_600_000;

/** Commands or events through a durable log in the store's own SQLite file; no server is needed. */
export class EmbeddedAdapter extends HubAdapterBase {
  readonly kind: "command" | "event";
  private log: EmbeddedLog | null = null;
  private readonly members = new Map<string, Member>();

  constructor(private readonly options: EmbeddedOptions) {
    super();
    this.kind = options.kind;
  }

  override connect(): Promise<void> {
    this.log = EmbeddedLog.of(this.options.engine(), this.kind, this.options.retentionMs ?? HOUR);
    this.connected = true;
    return Promise.resolve();
  }

  override async disconnect(): Promise<void> {
    const leaving = [...this.members.values()].flatMap((member) =>
      [...member.chans.values()].map((chan) => this.leave(chan)),
    );
    await Promise.all(leaving);
    this.connected = false;
    this.log = null;
  }

  isUp(): boolean {
    if (!this.log) return false;
    const { engine } = this.log;
    try {
      engine.read(() => engine.prepare("SELECT 1").get());
      return true;
    } catch {
      return false;
    }
  }

  /** Resolves when the message is on disk; rejects when it is not known to be. */
  override publish(channel: string, payload: unknown, options?: PublishOptions | null): Promise<void> {
    return this.publishRaw(channel, JSON.stringify(payload) ?? "null", options);
  }

  /** Publishes a text as it is, as a producer that is not this program might: perhaps not JSON. */
  publishRaw(channel: string, text: string, options?: PublishOptions | null): Promise<void> {
    if (!this.log) return Promise.reject(new ChannelUnavailableError("The channels are not connected."));
    return this.log.append({ channel, key: options?.key ?? null, headers: options?.headers ?? {}, text });
  }

  async drain(timeout: number): Promise<void> {
    await Promise.all(
      [...this.members].map(([group, member]) => {
        member.taking = false;
        return this.log?.group(group).idle(member, timeout);
      }),
    );
  }

  protected override measureLag(): Promise<GroupLag[]> {
    const log = this.log;
    if (!log) return Promise.resolve([]);
    return Promise.resolve([...this.members.keys()].map((group) => ({ group, lag: log.group(group).lag() })));
  }

  protected override async join(chan: HubChannel): Promise<void> {
    if (!this.log) throw new ChannelUnavailableError("The channels are not connected.");
    let member = this.members.get(chan.group);
    if (!member) this.members.set(chan.group, (member = this.newMember()));
    await this.log.group(chan.group).join(member, chan);
  }

  protected override async leave(chan: HubChannel): Promise<void> {
    const member = this.members.get(chan.group);
    if (!member || !this.log) return;
    await this.log.group(chan.group).leave(member, chan, this.options.leaveTimeout ?? 5_000);
    if (member.chans.size === 0) this.members.delete(chan.group);
  }

  private newMember(): Member {
    return {
      chans: new Map(),
      inFlight: 0,
      taking: true,
      pressure: this.options.pressure,
      run: (chan, payloads, deliveries): Promise<Settled[]> => this.run(chan, payloads, deliveries),
      fail: (chan, work, delivery, payload, error) => this.fateOf(chan, work, delivery, payload, error),
      unreadable: (chan, work, delivery, error) => ({
        type: "done",
        deadLetter: this.aside(chan, delivery, work.message.text, error),
      }),
    };
  }

  private fateOf(chan: HubChannel, work: Work, delivery: Delivery, payload: unknown, error: Error): Fate {
    if (error instanceof BehindFailedError) return { type: "behind" };
    const verdict = this.verdict(chan, error, delivery.attempt, work.outages);
    if (verdict.dead) return { type: "done", deadLetter: this.aside(chan, delivery, payload, error) };
    const due = Date.now() + verdict.delay;
    if (!verdict.counts) return { type: "retry", attempts: work.attempts, outages: work.outages + 1, due };
    return { type: "retry", attempts: delivery.attempt, outages: 0, due };
  }

  /** The message on `hub.dead-letters` that stands for a failed one. */
  private aside(chan: HubChannel, delivery: Delivery, payload: unknown, error: Error): Draft {
    const letter = this.deadLetter(chan, delivery, payload, error);
    return { channel: DEAD_LETTERS, key: letter.id, headers: {}, text: JSON.stringify(letter) };
  }
}
