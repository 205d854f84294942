/** One item's answer; an Error belongs to this item alone. */
export type Answer<T> = T | Error;

interface Waiting<Item, T> {
  item: Item;
  key?: string;
  settle(answer: Answer<T>): void;
}

export interface BatcherOptions<Item, T> {
  /** Items of one key never share a batch and keep their order; without it any items travel together. */
  key?(item: Item): string;
  /** One round trip; answers in the order of the items. A rejection answers them all. */
  run(items: Item[]): Promise<Answer<T>[]>;
  maxItems?: number;
  maxUnderWay?: number;
}

/**
 * Group commit over a network: what is asked for in one turn of the event loop travels together, and while
 * two batches are under way the next one grows.
 */
export class Batcher<Item, T> {
  private queue: Waiting<Item, T>[] = [];
  private readonly busy = new Set<string>();
  private underWay = 0;
  private scheduled = false;

  constructor(private readonly options: BatcherOptions<Item, T>) {}

  /** Every item's answer, in their order. Never rejects. */
  add(items: Item[]): Promise<Answer<T>[]> {
    const answers = items.map(
      (item) =>
        new Promise<Answer<T>>((settle) => {
          this.queue.push({ item, key: this.options.key?.(item), settle });
        }),
    );
    if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    }
    return Promise.all(answers);
  }

  private flush(): void {
    const { maxUnderWay = 2 } = this.options;
    while (this.underWay < maxUnderWay) {
      const batch = this.take();
      if (batch.length === 0) return;
      void this.send(batch);
    }
  }

  private take(): Waiting<Item, T>[] {
    const { maxItems = 1_000 } = this.options;
    const batch: Waiting<Item, T>[] = [];
    const later: Waiting<Item, T>[] = [];
    // A key stays busy from here until its batch is answered.
    for (const waiting of this.queue) {
      const { key } = waiting;
      if (batch.length >= maxItems || (key !== undefined && this.busy.has(key))) later.push(waiting);
      else {
        if (key !== undefined) this.busy.add(key);
        batch.push(waiting);
      }
    }
    this.queue = later;
    return batch;
  }

  private async send(batch: Waiting<Item, T>[]): Promise<void> {
    this.underWay++;
    let answers: Answer<T>[];
    try {
      answers = await this.options.run(batch.map((waiting) => waiting.item));
    } catch (error) {
      answers = batch.map(() => (error instanceof Error ? error : new Error(String(error))));
    }
    this.underWay--;
    for (const { key } of batch) if (key !== undefined) this.busy.delete(key);
    batch.forEach((waiting, at) => waiting.settle(answers[at]));
    this.flush();
  }
}
