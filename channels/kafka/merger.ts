import type { Settled } from "../run-batch";
import type { Delivery } from "../types";

/** Runs messages, and gives one outcome each. */
export type Run = (payloads: unknown[], deliveries: Delivery[]) => Promise<Settled[]>;

interface Part {
  payloads: unknown[];
  deliveries: Delivery[];
  resolve(outcomes: Settled[]): void;
  reject(error: unknown): void;
}

/** Merged batches of one topic under way. */
const AT_ONCE = 2;

/**
 * Makes one batch of what the partitions of a topic bring at the same time: each has a few messages, and a
 * batch costs its reads and writes however few it has. A partition waits for its part before it goes on, so
 * the order of a key is not touched.
 */
export class Merger {
  private waiting: Part[] = [];
  private running = 0;
  private scheduled = false;

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
    if (this.scheduled || this.running >= AT_ONCE || this.waiting.length === 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.runNext();
    });
  }

  private async runNext(): Promise<void> {
    const parts = this.take();
    this.running++;
    this.schedule();
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
    this.running--;
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
