import { Type, type Static } from "@sinclair/typebox";
import { messageId, messageType, type MessageEnvelope } from "./envelope";
import { isRetryable } from "./errors";
import { redactText } from "./redact";

/** The channel that dead letters go to, on every transport. */
export const DEAD_LETTERS = "hub.dead-letters";

const Id = Type.String({ minLength: 1 });
const TextOrNull = Type.Union([Type.String(), Type.Null()]);

/** A message put aside, as it travels on that channel. The admin API adds what became of it. */
export const DeadLetterMessage = Type.Object({
  id: Id,
  kind: Type.Unsafe<"command" | "event">({ type: "string", enum: ["command", "event"] }),
  channel: Type.String(),
  /** eventType or commandType; "unknown" when the message could not be read. */
  type: Type.String(),
  messageId: Id,
  key: TextOrNull,
  correlationId: TextOrNull,
  service: Type.String({ description: "the consumer group that could not process it" }),
  /** `ATTEMPTS_EXHAUSTED`, or the code of the permanent error. */
  reason: Type.String(),
  error: Type.Object({ name: Type.String(), message: Type.String(), stack: Type.String() }),
  attempts: Type.Integer({ minimum: 0 }),
  headers: Type.Record(Type.String(), Type.String()),
  payload: Type.Unknown({ description: "the message; what could not be read is here as a string" }),
  failedAt: Type.String({ format: "date-time" }),
});
export type DeadLetter = Static<typeof DeadLetterMessage>;

export interface FailedMessage {
  id: string;
  kind: DeadLetter["kind"];
  channel: string;
  group: string;
  key: string | null;
  headers: Record<string, string>;
  attempts: number;
  /** The parsed message, or the raw text where it could not be parsed. */
  payload: unknown;
  error: unknown;
  now: Date;
}

/** The dead letter of a message that failed for good. */
export function toDeadLetter(failed: FailedMessage): DeadLetter {
  const envelope = (isRecord(failed.payload) ? failed.payload : {}) as Partial<MessageEnvelope>;
  const error = failed.error instanceof Error ? failed.error : new Error(String(failed.error));
  const code = (error as { code?: unknown }).code;
  return {
    id: failed.id,
    kind: failed.kind,
    channel: failed.channel,
    type: text(messageType(envelope as MessageEnvelope)) ?? "unknown",
    messageId: text(messageId(envelope as MessageEnvelope)) ?? failed.id,
    key: failed.key ?? text(envelope.key),
    correlationId: text(envelope.correlationId),
    service: failed.group,
    reason: isRetryable(error) ? "ATTEMPTS_EXHAUSTED" : (text(code) ?? "PERMANENT_ERROR"),
    error: { name: error.name, message: redactText(error.message), stack: redactText(error.stack ?? "") },
    attempts: failed.attempts,
    headers: failed.headers,
    payload: failed.payload,
    failedAt: failed.now.toISOString(),
  };
}

/** A message that breaks its contract may have anything there. */
const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
