import type { Settled } from "./run-batch";
import type { Delivery, HubChannel } from "./types";

/** Runs messages, and gives one outcome each. */
export type Run = (payloads: unknown[], deliveries: Delivery[]) => Promise<Settled[]>;

interface Part {
  payloads: unknown[];
  deliveries: Delivery[];
  resolve(outcomes: Settled[]): void;
  reject(error: unknown): void;
}

/** What runs the messages of a channel; a handler of one message at a time gains nothing by a merged batch. */
export function mergedRun(chan: HubChannel, run: Run): Run {
  if (!chan.batch) return run;
  const merger = new Merger(chan.batch, run);
  return (payloads, deliveries) => merger.run(payloads, deliveries);
}

/**
 * Makes one batch of what comes at the same time, from several partitions of a topic or while the batch before
 * is under way: a batch costs its reads and writes however few messages it has. Batches go one after the
 * other. Who brings messages waits for their outcomes, so the order of a key is not touched.
 */
class Merger {
  private waiting: Part[] = [];
  private busy = false;

  constructor(
    /** The most messages of a batch; a part that has more goes alone. */
    private readonly size: number,
    private readonly handler: Run,
  ) {}

  /** The outcomes of these messages, one each. */
  run(payloads: unknown[], deliveries: Delivery[]): Promise<Settled[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ payloads, deliveries, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.busy || this.waiting.length === 0) return;
    this.busy = true;
    setImmediate(() => void this.runNext());
  }

  private async runNext(): Promise<void> {
    const parts = this.take();
    try {
      const outcomes = await this.handler(
        parts.flatMap(({ payloads }) => payloads),
        parts.flatMap(({ deliveries }) => deliveries),
      );
      let at = 0;
      for (const { payloads, resolve } of parts) resolve(outcomes.slice(at, (at += payloads.length)));
    } catch (error) {
      for (const { reject } of parts) reject(error);
    }
    this.busy = false;
    this.schedule();
  }

  private take(): Part[] {
    const parts: Part[] = [];
    let room = this.size;
    for (;;) {
      const next = this.waiting[0];
      if (!next || (parts.length > 0 && next.payloads.length > room)) return parts;
      room -= next.payloads.length;
      parts.push(next);
      this.waiting.shift();
    }
  }
}
