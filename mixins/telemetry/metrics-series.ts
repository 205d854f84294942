/**
 * Counters and histograms for paths that run thousands of times a second. prom-client looks its labels up by
 * a hash at each observation, which costs a microsecond; here whoever observes holds on to its series, and
 * an observation is two additions. The text is Prometheus' own format.
 */

export class Counter {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

export class Histogram {
  /** How many values lie in each bucket alone; the last one has no upper bound. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** Seconds. */
  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket++;
    (this.counts[bucket] as number)++;
    this.sum += value;
    this.count++;
  }

  /** Observes how long it has been since `started`, a time of `performance.now()`. */
  since(started: number): void {
    this.observe((performance.now() - started) / 1_000);
  }
}

const escaped = (value: string): string =>
  value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));

/** All series of one metric: one for each combination of values of its labels. */
abstract class Family<S> {
  private readonly series = new Map<string, { labels: string; one: S }>();

  constructor(
    readonly name: string,
    private readonly help: string,
    private readonly type: "counter" | "histogram",
    private readonly labels: readonly string[],
  ) {}

  protected abstract make(): S;
  protected abstract lines(one: S, labels: string): string[];

  /** The series with these values, in the order of the labels. */
  of(...values: string[]): S {
    const key = values.join("\n");
    let known = this.series.get(key);
    if (!known) {
      const labels = this.labels.map((label, i) => `${label}="${escaped(values[i] ?? "")}"`).join(",");
      this.series.set(key, (known = { labels, one: this.make() }));
    }
    return known.one;
  }

  /** As Prometheus reads it. */
  text(): string {
    const { name, help, type } = this;
    const lines = [...this.series.values()].flatMap(({ labels, one }) => this.lines(one, labels));
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join("\n");
  }
}

export class Counters extends Family<Counter> {
  constructor(name: string, help: string, labels: readonly string[]) {
    super(name, help, "counter", labels);
  }

  protected make(): Counter {
    return new Counter();
  }

  protected lines({ value }: Counter, labels: string): string[] {
    return [`${this.name}{${labels}} ${value}`];
  }
}

export class Histograms extends Family<Histogram> {
  constructor(
    name: string,
    help: string,
    labels: readonly string[],
    private readonly bounds: readonly number[],
  ) {
    super(name, help, "histogram", labels);
  }

  protected make(): Histogram {
    return new Histogram(this.bounds);
  }

  /** What was never observed has no lines: there are many of these, with a dozen lines each. */
  protected lines({ counts, sum, count }: Histogram, labels: string): string[] {
    if (count === 0) return [];
    let below = 0;
    const buckets = counts.map((n, i) => {
      below += n;
      return `${this.name}_bucket{${labels},le="${this.bounds[i] ?? "+Inf"}"} ${below}`;
    });
    return [...buckets, `${this.name}_sum{${labels}} ${sum}`, `${this.name}_count{${labels}} ${count}`];
  }
}
