import type { Settled } from "../run-batch";
import type { Delivery, HubChannel } from "../types";
import type { Draft } from "./message";
import type { ParkedRow } from "./tables";

/** One message that a group has in hand. */
export interface Work extends ParkedRow {
  /** What keeps its order: channel and key of an event that has one. */
  lane: string | null;
  /** It has a row among the parked messages. */
  stored: boolean;
  /** Its row holds back the younger messages of its lane. */
  blocking: boolean;
  /** Its fate is known and on its way to the disk. */
  settled: boolean;
}

/** What becomes of a work: it is finished (perhaps as a dead letter), comes again, or waits behind another. */
export type Fate =
  | { type: "done"; deadLetter?: Draft }
  | { type: "retry"; attempts: number; outages: number; due: number }
  | { type: "behind" };

/** One subscriber of a group: the part of an adapter that runs handlers. */
export interface Member {
  chans: Map<string, HubChannel>;
  inFlight: number;
  /** False while it drains. */
  taking: boolean;
  run(chan: HubChannel, payloads: unknown[], deliveries: Delivery[]): Promise<Settled[]>;
  /** What becomes of a work whose handler failed with `error`. */
  fail(chan: HubChannel, work: Work, delivery: Delivery, payload: unknown, error: Error): Fate;
  /** The fate of a message that is not JSON. */
  unreadable(chan: HubChannel, work: Work, delivery: Delivery, error: Error): Fate;
  /** True while something more urgent wants the event loop. */
  pressure?: () => boolean;
}

/** Works on their way through one handler. */
export interface Batch {
  member: Member;
  chan: HubChannel;
  works: Set<Work>;
  /** Its member left: whatever the handler says now comes too late. */
  abandoned: boolean;
}

/** How far a group has come in one channel. */
export class Progress {
  /** Works that are neither finished nor parked, by seq, oldest first. */
  readonly open = new Map<number, Work>();

  /** `taken`: messages up to this seq have been taken from the log. `stored`: the cursor on disk. */
  constructor(
    public taken: number,
    public stored: number,
  ) {}

  /** The seq up to which all is finished or parked, when the log was read up to `position`. */
  cursor(position: number): number {
    for (const seq of this.open.keys()) return seq - 1;
    return Math.max(this.taken, position);
  }
}
