import { randomBytes } from "node:crypto";
import type { ServiceBroker } from "moleculer";
import type { Config } from "../../config";
import { isCommand, messageId, messageType, type MessageEnvelope } from "../../contracts/envelope";
import { formatTraceparent, parseTraceparent } from "../../contracts/traceparent";
import { SpanExporter, type Attributes } from "./tracing-exporter";

/** OTLP's numbers. */
export const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

interface SpanStart {
  name: string;
  kind: (typeof KIND)[keyof typeof KIND];
  traceId: string;
  parentSpanId?: string;
  attributes: Attributes;
}

const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;
const POOL_BYTES = 4_096;
let pool = "";
let used = 0;

/** Random hex digits, from a pool: asking for a few bytes costs as much as for thousands. */
function hex(digits: number): string {
  if (used + digits > pool.length) {
    pool = randomBytes(POOL_BYTES).toString("hex");
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}

/** Microseconds since the epoch. */
const micros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1_000);

/** The code of an error, or its class: its message may name people. */
function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "Error";
}

/** Some work, from its start to `end()`. Spans that are not sampled do not exist. */
export class Span {
  private readonly spanId = hex(SPAN_DIGITS);
  private readonly started = micros();
  private ended = false;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly start: SpanStart,
  ) {}

  /** What is done for it, here or elsewhere, names this as its parent. */
  get traceparent(): string {
    return formatTraceparent(this.start.traceId, this.spanId);
  }

  rename(name: string): void {
    this.start.name = name;
  }

  set(attributes: Attributes): void {
    Object.assign(this.start.attributes, attributes);
  }

  fail(error: unknown): void {
    this.set({ "error.type": codeOf(error) });
  }

  /** Ends it, once; with an error it has failed. */
  end(error?: unknown): void {
    if (this.ended) return;
    this.ended = true;
    if (error) this.fail(error);
    const { traceId, parentSpanId, name, kind, attributes } = this.start;
    this.exporter.add({
      traceId,
      spanId: this.spanId,
      ...(parentSpanId && { parentSpanId }),
      name,
      kind,
      start: this.started,
      end: micros(),
      attributes,
      failed: attributes["error.type"] !== undefined,
    });
  }

  /** Ends it when the work does. */
  during<T>(work: Promise<T>): Promise<T> {
    work.then(
      () => this.end(),
      (error: unknown) => this.end(error ?? new Error()),
    );
    return work;
  }
}

/**
 * Traces: one tree of spans from an HTTP request through commands and events to the socket. The context is
 * handed on as a W3C `traceparent`, in `ctx.meta` between services and in the headers of messages, never in
 * an envelope. Spans carry ids, names of things and codes; nothing of what people typed.
 */
export class Tracing {
  private readonly exporter: SpanExporter;
  /** The part of the requests that is traced, 0 to 1. */
  ratio: number;
  private readonly systems: { command: string; event: string };
  /** The spans of the messages that handlers of this node work on, by group and message. */
  private readonly handling = new Map<string, string>();

  constructor(broker: ServiceBroker, config: Config, endpoint: string) {
    this.ratio = config.OTEL_TRACES_SAMPLER_ARG;
    this.systems = {
      command: config.COMMANDS_URL ? "rabbitmq" : "embedded",
      event: config.EVENTS_URL ? "kafka" : "embedded",
    };
    this.exporter = new SpanExporter({
      endpoint,
      headers: config.OTEL_EXPORTER_OTLP_HEADERS ?? {},
      resource: { "service.name": config.OTEL_SERVICE_NAME, "service.instance.id": broker.nodeID },
      logger: broker.getLogger("tracing"),
      count: (outcome, spans) => broker.hub.metrics.spans.of(outcome).inc(spans),
    });
  }

  /** The root, or the caller's child, as the caller's sampling and ours say; null: it is not traced. */
  request(name: string, given: unknown, attributes: Attributes): Span | null {
    const parent = parseTraceparent(given);
    if (parent ? !parent.sampled : Math.random() >= this.ratio) return null;
    const start = { name, kind: KIND.server, traceId: parent?.traceId ?? hex(TRACE_DIGITS), attributes };
    return new Span(this.exporter, { ...start, ...(parent && { parentSpanId: parent.spanId }) });
  }

  /** A child; null when there is no parent that is traced. */
  child(name: string, kind: SpanStart["kind"], given: unknown, attributes: Attributes): Span | null {
    const parent = parseTraceparent(given);
    if (!parent?.sampled) return null;
    const { traceId, spanId: parentSpanId } = parent;
    return new Span(this.exporter, { name, kind, traceId, parentSpanId, attributes });
  }

  /** A message on its way from the outbox to its broker. */
  publish(message: MessageEnvelope, channel: string, given: string): Span | null {
    return this.child(`send ${messageType(message)}`, KIND.producer, given, {
      ...this.messaging(message, channel, "send"),
      "hub.outbox.wait_ms": Math.max(0, Date.now() - Date.parse(message.timestamp)),
    });
  }

  /** A message that a group's handler works on; until it has ended, `of` knows its span. */
  handle(
    message: MessageEnvelope,
    channel: string,
    group: string,
    attempt: number,
    given: unknown,
  ): Span | null {
    const span = this.child(`process ${messageType(message)}`, KIND.consumer, given, {
      ...this.messaging(message, channel, "process"),
      "messaging.consumer.group.name": group,
      ...(attempt > 1 && { "hub.attempt": attempt }),
    });
    if (span) this.handling.set(`${group} ${messageId(message)}`, span.traceparent);
    return span;
  }

  handled(message: MessageEnvelope, group: string): void {
    this.handling.delete(`${group} ${messageId(message)}`);
  }

  /** The `traceparent` of the message `id` while a handler of `group` works on it. */
  of(group: string, id: string): string | undefined {
    return this.handling.get(`${group} ${id}`);
  }

  /** Sends what is left. */
  stop(): Promise<void> {
    return this.exporter.stop();
  }

  private messaging(message: MessageEnvelope, channel: string, operation: string): Attributes {
    return {
      "messaging.system": this.systems[isCommand(message) ? "command" : "event"],
      "messaging.operation.type": operation,
      "messaging.destination.name": channel,
      "messaging.message.id": messageId(message),
      "hub.correlation_id": message.correlationId,
      "hub.key": message.key,
    };
  }
}

/** Tracing as the settings say; null, which costs nothing, unless there is a collector. */
export const openTracing = (broker: ServiceBroker, config: Config): Tracing | null =>
  config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
    ? null
    : new Tracing(broker, config, config.OTEL_EXPORTER_OTLP_ENDPOINT);
