/** With so many waiting, requests go before the work behind them, */
const BUSY = 8;
/** and for so many milliseconds longer: those who were answered just now come with their next. */
const LINGER_MS = 50;

/**
 * The HTTP requests that wait for their answer on this node. Who asks wants to be answered; what was accepted
 * is safe, and goes on a little later: all of it shares one thread.
 */
export class Requests {
  private count = 0;
  private busyUntil = 0;

  /** A request came in; call what is returned when its answer has ended. */
  begin(): () => void {
    if (++this.count >= BUSY) this.busyUntil = performance.now() + LINGER_MS;
    return () => void this.count--;
  }

  get underWay(): number {
    return this.count;
  }

  get busy(): boolean {
    return this.count >= BUSY || performance.now() < this.busyUntil;
  }
}
