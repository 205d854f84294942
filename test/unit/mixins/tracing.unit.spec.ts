import type { LoggerInstance } from "moleculer";
import { encodeSpan, SpanExporter, type EndedSpan } from "../../../mixins/telemetry/tracing-exporter";
import { startCollector, type Collector } from "../../support/collector";
import { waitFor } from "../../support/wait";

const span = (name: string): EndedSpan => ({
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  name,
  kind: 1,
  start: 1,
  end: 2,
  attributes: {},
  failed: false,
});

describe("the exporter of spans", () => {
  let collector: Collector;
  let exporter: SpanExporter;
  let counted: Record<"exported" | "dropped", number>;
  const warn = jest.fn();

  beforeEach(async () => {
    collector = await startCollector();
    counted = { exported: 0, dropped: 0 };
    warn.mockClear();
    exporter = new SpanExporter({
      endpoint: `${collector.url}/`,
      headers: {},
      resource: { "service.name": "hub" },
      logger: { warn } as unknown as LoggerInstance,
      count: (outcome, spans) => (counted[outcome] += spans),
    });
  });
  afterEach(async () => {
    await exporter.stop();
    await collector.stop();
  });

  it("sends what waits in one request, and the rest when it stops", async () => {
    exporter.add(span("a"));
    exporter.add(span("b"));
    await waitFor(() => counted.exported === 2);
    exporter.add(span("c"));
    await exporter.stop();
    expect(collector.spans.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(collector.texts).toHaveLength(2);
  });

  it("drops what the collector refuses for good, and says so once", async () => {
    collector.status = 400;
    exporter.add(span("a"));
    await waitFor(() => counted.dropped === 1);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it("holds no more than it may while the collector is away", () => {
    for (let i = 0; i < 5_000; i++) exporter.add(span(String(i)));
    expect(counted.dropped).toBe(5_000 - 4_096);
  });
});

it("encodes a span as OTLP has it", () => {
  const attributes = { a: 'an "x"', b: 1, c: 0.5, d: true, e: undefined };
  const text = encodeSpan({ ...span("a\nname"), parentSpanId: "00f067aa0ba902b7", attributes, failed: true });
  expect(JSON.parse(text)).toEqual({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "a\nname",
    kind: 1,
    startTimeUnixNano: "1000",
    endTimeUnixNano: "2000",
    attributes: [
      { key: "a", value: { stringValue: 'an "x"' } },
      { key: "b", value: { intValue: "1" } },
      { key: "c", value: { doubleValue: 0.5 } },
      { key: "d", value: { boolValue: true } },
    ],
    status: { code: 2 },
  });
});
