import { isUtf8 } from "node:buffer";
import type { ConsumeMessage, Options } from "amqplib";
import type { DeadLetter } from "../../contracts/dead-letter";
import { messageId, messageType, type MessageEnvelope } from "../../contracts/envelope";
import { newId } from "../../contracts/ids";
import { notJson, parseMessage, type Parsed } from "../base";
import { HEADERS, type Delivery, type HubChannel, type PublishOptions } from "../types";

/** A message on its way out. */
export interface Outgoing {
  content: Buffer;
  properties: Options.Publish & { messageId: string };
}

/** The key, where the payload doesn't say it. */
const KEY = "x-hub-key";

/** AMQP's own fields are short strings, at most so many bytes; what is longer stands in the body alone. */
const SHORT = 255;
const short = (text: unknown): string | undefined =>
  typeof text === "string" && Buffer.byteLength(text) <= SHORT ? text : undefined;

/** What RabbitMQ adds on the way; it is no header of the publisher. */
const ADDED_BY_SERVER = /^x-(death$|first-death-|last-death-|delivery-count$|acquired-count$)/;

/** A command as it travels: its envelope's fields are AMQP properties too, so that any client reads them. */
export function encode(payload: unknown, { key, headers }: PublishOptions = {}): Outgoing {
  const envelope = (payload ?? {}) as Partial<MessageEnvelope>;
  const time = typeof envelope.timestamp === "string" ? Date.parse(envelope.timestamp) : Date.now();
  return {
    content: Buffer.from(JSON.stringify(payload ?? null)),
    properties: {
      persistent: true,
      mandatory: true,
      contentType: "application/json",
      messageId: short(messageId(envelope as MessageEnvelope)) ?? newId(),
      type: short(messageType(envelope as MessageEnvelope)),
      correlationId: short(envelope.correlationId),
      timestamp: Math.floor((time || Date.now()) / 1_000),
      headers: key !== undefined && key !== envelope.key ? { ...headers, [KEY]: key } : headers,
    },
  };
}

export function encodeDeadLetter(letter: DeadLetter): Outgoing {
  const { content, properties } = encode(letter, { headers: letter.headers });
  return {
    content,
    properties: { ...properties, messageId: letter.id, type: short(letter.type) },
  };
}

/** The same letter without the publisher's headers as AMQP headers: its body has them too. */
export function withoutHeaders({ content, properties }: Outgoing): Outgoing {
  return { content, properties: { ...properties, headers: {} } };
}

/** The same message for its next attempt, `delay` ms from now. */
export function encodeRetry(message: ConsumeMessage, delivery: Delivery, delay: number): Outgoing {
  const { contentType, contentEncoding, correlationId, messageId, type, timestamp, replyTo, appId } =
    message.properties;
  return {
    content: message.content,
    properties: {
      persistent: true,
      mandatory: true,
      contentType: contentType as string | undefined,
      contentEncoding: contentEncoding as string | undefined,
      correlationId: correlationId as string | undefined,
      messageId: (messageId as string | undefined) ?? newId(),
      type: type as string | undefined,
      timestamp: timestamp as number | undefined,
      replyTo: replyTo as string | undefined,
      appId: appId as string | undefined,
      expiration: Math.max(1, Math.round(delay)),
      headers: { ...wireHeaders(message), [HEADERS.attempt]: String(delivery.attempt + 1) },
    },
  };
}

/** What the handler gets beside the payload. */
export function deliveryOf(chan: HubChannel, message: ConsumeMessage, payload: unknown): Delivery {
  const { [KEY]: ownKey, [HEADERS.attempt]: attempt, ...headers } = wireHeaders(message);
  const key = ownKey ?? (payload as { key?: unknown } | null)?.key;
  return {
    channel: chan.name,
    group: chan.group,
    key: typeof key === "string" ? key : null,
    headers,
    attempt: Math.max(1, Number(attempt) || 1),
  };
}

export function decode(message: ConsumeMessage): Parsed {
  return isUtf8(message.content)
    ? parseMessage(message.content.toString("utf8"))
    : { ok: false, error: notJson("The message is not UTF-8.") };
}

/** A body that is not JSON, as a string: base64 where it is no text either. */
export function rawText({ content }: ConsumeMessage): string {
  return content.toString(isUtf8(content) ? "utf8" : "base64");
}

/** How often a message came back unsettled; quorum queues count. */
export function returnsOf(message: ConsumeMessage): number {
  return Number(message.properties.headers?.["x-delivery-count"]) || 0;
}

/** The publisher's headers; a foreign one may have sent numbers. */
function wireHeaders(message: ConsumeMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  const raw = (message.properties.headers ?? {}) as Record<string, unknown>;
  for (const name in raw) {
    const value = raw[name];
    if (value === null || typeof value === "object" || ADDED_BY_SERVER.test(name)) continue;
    headers[name] = String(value);
  }
  return headers;
}
