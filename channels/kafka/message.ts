import { isUtf8 } from "node:buffer";
import type { IHeaders, KafkaMessage, Message } from "kafkajs";
import { isCommand, messageId, messageType, type MessageEnvelope } from "../../contracts/envelope";
import { notJson, parseMessage, type Parsed } from "../base";
import type { PublishOptions } from "../types";

/** Attributes of CloudEvents 1.0 are headers with this prefix (Kafka binding, binary mode). */
const CE = "ce_";
const CONTENT_TYPE = "content-type";

/** An event as it travels: its envelope as JSON, and headers that any CloudEvents reader understands. */
export function encode(payload: unknown, { key, headers }: PublishOptions = {}): Message {
  const envelope = (payload ?? {}) as Partial<MessageEnvelope>;
  const recordKey = key ?? (typeof envelope.key === "string" ? envelope.key : null);
  return {
    key: recordKey,
    value: JSON.stringify(payload ?? null),
    headers: { ...cloudEvent(envelope, recordKey), ...headers },
  };
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md */
function cloudEvent(envelope: Partial<MessageEnvelope>, key: string | null): IHeaders {
  const id = messageId(envelope as MessageEnvelope);
  if (!id || isCommand(envelope as MessageEnvelope)) return { [CONTENT_TYPE]: "application/json" };
  return {
    ce_specversion: "1.0",
    ce_id: id,
    ce_type: messageType(envelope as MessageEnvelope),
    ce_source: envelope.source ?? "",
    ce_time: envelope.timestamp ?? "",
    ...(key !== null && { ce_subject: key }),
    ce_correlationid: envelope.correlationId ?? "",
    [CONTENT_TYPE]: "application/json",
  };
}

/** The message as text; what is not UTF-8 comes as base64. */
export function textOf({ value }: KafkaMessage): string {
  if (!value) return "";
  return value.toString(isUtf8(value) ? "utf8" : "base64");
}

/**
 * Reads a message. A foreign CloudEvent, whose value is the data alone, gets our envelope around it.
 */
export function decode(message: KafkaMessage): Parsed {
  if (message.value && !isUtf8(message.value))
    return { ok: false, error: notJson("The message is not UTF-8.") };
  const parsed = parseMessage(textOf(message));
  if (!parsed.ok) return parsed;
  const enveloped =
    typeof parsed.payload === "object" && parsed.payload !== null && "eventId" in parsed.payload;
  if (enveloped || !message.headers?.ce_id || !message.headers.ce_type) return parsed;
  const headers = textHeaders(message, () => true);
  const { ce_id: id, ce_type: type } = headers;
  const payload: MessageEnvelope = {
    eventId: id,
    eventType: type,
    timestamp: headers.ce_time ?? new Date(Number(message.timestamp)).toISOString(),
    version: "1.0",
    source: headers.ce_source ?? "unknown",
    correlationId: headers.ce_correlationid ?? id,
    causationId: id,
    key: headers.ce_subject ?? keyOf(message) ?? id,
    sequence: 0,
    data: parsed.payload,
  };
  return { ok: true, payload };
}

export const keyOf = ({ key }: KafkaMessage): string | null => key?.toString("utf8") ?? null;

/** The publisher's own headers, without those that `encode` adds. */
export const headersOf = (message: KafkaMessage): Record<string, string> =>
  textHeaders(message, (name) => !name.startsWith(CE) && name !== CONTENT_TYPE);

function textHeaders({ headers }: KafkaMessage, wanted: (name: string) => boolean): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && wanted(name)) texts[name] = String(value);
  }
  return texts;
}
