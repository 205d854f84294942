/**
 * Shares the event loop: what is asked for runs in turn, one at a time, and the loop looks after sockets
 * and commits in between. A chain of short turns never blocks a request for longer than one of them.
 */
export class Turns {
  private waiting: (() => void)[] = [];

  next(run: () => void): void {
    this.waiting.push(run);
    if (this.waiting.length === 1) setImmediate(() => this.step());
  }

  private step(): void {
    const run = this.waiting[0];
    try {
      run();
    } finally {
      this.waiting.shift();
      if (this.waiting.length > 0) setImmediate(() => this.step());
    }
  }
}
