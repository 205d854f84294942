import { Counters, Histograms } from "../../../mixins/telemetry/metrics-series";

describe("counters", () => {
  it("count for each combination of labels, and say so in Prometheus' format", () => {
    const counters = new Counters("hub_things_total", "Things.", ["kind", "outcome"]);
    const good = counters.of("a", "done");
    good.inc();
    counters.of("a", "done").inc(2);
    counters.of('b "x"\\\n', "failed");
    expect(counters.text().split("\n")).toEqual([
      "# HELP hub_things_total Things.",
      "# TYPE hub_things_total counter",
      'hub_things_total{kind="a",outcome="done"} 3',
      'hub_things_total{kind="b \\"x\\"\\\\\\n",outcome="failed"} 0',
    ]);
  });
});

describe("histograms", () => {
  it("put a value into every bucket that it is not above, and add it to the sum", () => {
    const histograms = new Histograms("hub_time_seconds", "Time.", ["what"], [0.1, 1]);
    for (const value of [0.1, 0.5, 2]) histograms.of("a").observe(value);
    expect(histograms.text().split("\n")).toEqual([
      "# HELP hub_time_seconds Time.",
      "# TYPE hub_time_seconds histogram",
      'hub_time_seconds_bucket{what="a",le="0.1"} 1',
      'hub_time_seconds_bucket{what="a",le="1"} 2',
      'hub_time_seconds_bucket{what="a",le="+Inf"} 3',
      'hub_time_seconds_sum{what="a"} 2.6',
      'hub_time_seconds_count{what="a"} 3',
    ]);
  });

  it("has no lines for what was never observed", () => {
    const histograms = new Histograms("hub_time_seconds", "Time.", ["what"], [1]);
    histograms.of("a");
    expect(histograms.text().split("\n")).toHaveLength(2);
  });
});
