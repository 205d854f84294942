import { messageId, messageType, type MessageEnvelope } from "./envelope";
import { isRetryable } from "./errors";
import { redactText } from "./redact";

/** The channel that dead letters go to, on every transport. */
export const DEAD_LETTERS = "hub.dead-letters";

/** A message put aside, as it travels on that channel. The admin API adds what became of it. */
export interface DeadLetter {
  id: string;
  kind: "command" | "event";
  channel: string;
  /** eventType or commandType; "unknown" when the message could not be read. */
  type: string;
  messageId: string;
  key: string | null;
  correlationId: string | null;
  /** The consumer group that could not process it: a service's name. */
  service: string;
  /** `NOT_JSON`, `ATTEMPTS_EXHAUSTED`, or the code of the permanent error. */
  reason: string;
  error: { name: string; message: string; stack: string };
  attempts: number;
  headers: Record<string, string>;
  /** The message; what was not JSON is here as a string. */
  payload: unknown;
  /** ISO 8601. */
  failedAt: string;
}

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
  reason?: string;
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
    type: messageType(envelope as MessageEnvelope) ?? "unknown",
    messageId: messageId(envelope as MessageEnvelope) ?? failed.id,
    key: failed.key ?? (typeof envelope.key === "string" ? envelope.key : null),
    correlationId: typeof envelope.correlationId === "string" ? envelope.correlationId : null,
    service: failed.group,
    reason:
      failed.reason ??
      (isRetryable(error) ? "ATTEMPTS_EXHAUSTED" : typeof code === "string" ? code : "PERMANENT_ERROR"),
    error: { name: error.name, message: redactText(error.message), stack: redactText(error.stack ?? "") },
    attempts: failed.attempts,
    headers: failed.headers,
    payload: failed.payload,
    failedAt: failed.now.toISOString(),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
