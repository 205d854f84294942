/** So many messages at once, over all partitions; who comes first goes first. */
export class Slots {
  private readonly queue: { count: number; go: () => void }[] = [];

  constructor(private free: number) {}

  /** Resolves when `count` slots are free and taken; `count` is at most what there is. */
  take(count: number): Promise<void> {
    if (this.queue.length === 0 && this.free >= count) {
      this.free -= count;
      return Promise.resolve();
    }
    return new Promise((go) => this.queue.push({ count, go }));
  }

  give(count: number): void {
    this.free += count;
    for (let next = this.queue[0]; next && next.count <= this.free; next = this.queue[0]) {
      this.queue.shift();
      this.free -= next.count;
      next.go();
    }
  }
}
