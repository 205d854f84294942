import type { LoggerInstance } from "moleculer";
import { within } from "../within";

type Value = string | number | boolean;
export type Attributes = Record<string, Value | undefined>;

/** A span that has ended. */
export interface EndedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  /** Microseconds since the epoch. */
  start: number;
  end: number;
  attributes: Attributes;
  failed: boolean;
}

export interface ExporterOptions {
  /** The collector, as OTEL_EXPORTER_OTLP_ENDPOINT says it: `/v1/traces` is appended. */
  endpoint: string;
  headers: Record<string, string>;
  /** What the spans come from: `service.name` and the like. */
  resource: Attributes;
  logger: LoggerInstance;
  count(outcome: "exported" | "dropped", spans: number): void;
}

const STATUS_UNSET = 0;
const STATUS_ERROR = 2;
const EVERY_MS = 1_000;
const BATCH = 512;
/** What waits beyond this is dropped: a collector that is away must not fill the memory. */
const HELD = 4_096;
const TIMEOUT_MS = 5_000;
const STOP_MS = 2_000;
const LONGEST_WAIT_MS = 30_000;

function encodeValue(value: Value): string {
  if (typeof value === "string") return `"stringValue":${JSON.stringify(value)}`;
  if (typeof value === "boolean") return `"boolValue":${value}`;
  return Number.isInteger(value) ? `"intValue":"${value}"` : `"doubleValue":${value}`;
}

/** Attributes in OTLP's JSON encoding; undefined ones are left out. */
export function encodeAttributes(attributes: Attributes): string {
  let text = "";
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) text += `${text && ","}{"key":"${key}","value":{${encodeValue(value)}}}`;
  }
  return `[${text}]`;
}

/** A span in OTLP's JSON encoding. By hand: `JSON.stringify` of the same takes three times as long. */
export function encodeSpan(span: EndedSpan): string {
  const { traceId, spanId, parentSpanId, name, kind, start, end, attributes, failed } = span;
  return (
    `{"traceId":"${traceId}","spanId":"${spanId}",` +
    (parentSpanId === undefined ? "" : `"parentSpanId":"${parentSpanId}",`) +
    `"name":${JSON.stringify(name)},"kind":${kind},` +
    // Nanoseconds are beyond what a number holds.
    `"startTimeUnixNano":"${start}000","endTimeUnixNano":"${end}000",` +
    `"attributes":${encodeAttributes(attributes)},"status":{"code":${failed ? STATUS_ERROR : STATUS_UNSET}}}`
  );
}

/**
 * Sends spans to a collector by OTLP over HTTP, as JSON, in batches and in the background. A collector
 * that does not answer costs spans, never an order.
 */
export class SpanExporter {
  private waiting: EndedSpan[] = [];
  private timer: NodeJS.Timeout | null = null;
  private sending: Promise<void> | null = null;
  private waitMs = EVERY_MS;
  private readonly url: string;
  /** What stands before a batch's spans. */
  private readonly head: string;

  constructor(private readonly options: ExporterOptions) {
    this.url = `${options.endpoint.replace(/\/+$/, "")}/v1/traces`;
    this.head =
      `{"resourceSpans":[{"resource":{"attributes":${encodeAttributes(options.resource)}},` +
      `"scopeSpans":[{"scope":{"name":"subscription-hub"},"spans":[`;
  }

  add(span: EndedSpan): void {
    if (this.waiting.length >= HELD) return this.options.count("dropped", 1);
    this.waiting.push(span);
    if (!this.timer && !this.sending) this.timer = setTimeout(() => this.flush(), this.waitMs).unref();
  }

  /** Sends what is left, for `STOP_MS` at most. */
  async stop(): Promise<void> {
    const all = async (): Promise<void> => {
      await this.sending;
      while (this.waiting.length > 0 && (await this.send())) continue;
    };
    await within(STOP_MS, all(), undefined);
    if (this.timer) clearTimeout(this.timer);
  }

  private flush(): void {
    this.timer = null;
    this.sending = this.send().then((sent) => {
      this.sending = null;
      this.waitMs = sent ? EVERY_MS : Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
      if (this.waiting.length === 0) return;
      this.timer = setTimeout(
        () => this.flush(),
        sent && this.waiting.length >= BATCH ? 0 : this.waitMs,
      ).unref();
    });
  }

  /** One batch; false when it was not taken and is kept. What the collector refuses for good is dropped. */
  private async send(): Promise<boolean> {
    const spans = this.waiting.splice(0, BATCH);
    const failure = await fetch(this.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.options.headers },
      body: `${this.head}${spans.map(encodeSpan).join(",")}]}]}]}`,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).then(
      async (response) => {
        await response.body?.cancel();
        return response.ok ? null : { status: response.status, message: `status ${response.status}` };
      },
      (error: Error) => ({ status: 503, message: String(error.cause ?? error.message) }),
    );
    if (!failure) {
      this.options.count("exported", spans.length);
      return true;
    }
    // Of a row of failures, the first is told.
    if (this.waitMs === EVERY_MS)
      this.options.logger.warn(`OTEL_EXPORTER_OTLP_ENDPOINT: spans are not taken: ${failure.message}`);
    const again = [429, 502, 503, 504].includes(failure.status);
    const room = again ? Math.max(0, HELD - this.waiting.length) : 0;
    this.waiting = [...spans.slice(0, room), ...this.waiting];
    if (spans.length > room) this.options.count("dropped", spans.length - room);
    return false;
  }
}
