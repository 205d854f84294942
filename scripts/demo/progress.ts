const WIDTH = 30;

/** A progress bar on the terminal; elsewhere (a file, CI) one line at the end of each part. */
export class Progress {
  private done = 0;

  constructor(
    private readonly title: string,
    private readonly total: number,
  ) {
    this.draw();
  }

  add(n = 1): void {
    this.set(this.done + n);
  }

  set(done: number): void {
    if (done === this.done) return;
    this.done = done;
    this.draw();
  }

  end(): void {
    this.draw(true);
  }

  private draw(last = false): void {
    if (!process.stdout.isTTY && !last) return;
    const filled = Math.round((WIDTH * this.done) / this.total);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    process.stdout.write(
      `${process.stdout.isTTY ? "\r" : ""}${this.title.padEnd(12)} ${bar} ${this.done}/${this.total}${last ? "\n" : ""}`,
    );
  }
}
