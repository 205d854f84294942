import { isCommandType } from "../contracts/commands";
import type { DeadLetter } from "../contracts/dead-letter";
import { isCommand, messageId, messageType, type MessageEnvelope } from "../contracts/envelope";
import { ValidationError } from "../contracts/errors";
import { EVENTS, isEventType, type EventData } from "../contracts/events";
import { contractError } from "../contracts/messages";
import { upcast } from "../contracts/upcasters";
import { editsOf, type Edit } from "./edits";
import type { Decision, Now } from "./types";

export type LetterStatus = "open" | "redriven" | "discarded";

/** What happened to a dead letter, one entry each. People are here by id only. */
export type LetterEntry = { at: string } & (
  | {
      what: "failed";
      /** Of the failure: the same one told twice is one entry. */
      id: string;
      reason: string;
      error: DeadLetter["error"];
      attempts: number;
    }
  | { what: "redriven"; by: string; edits?: Edit[]; redriveId?: string }
  | { what: "discarded"; by: string; reason?: string }
);

/** A dead letter with what became of it. One message of one group has one, however often it fails. */
export interface Letter extends Omit<DeadLetter, "id" | "correlationId"> {
  _id: string;
  correlationId?: string;
  status: LetterStatus;
  /** The order that the message is about, where it is about one. */
  orderId?: string;
  /** How often it has failed for good. */
  failures: number;
  firstFailedAt: string;
  /** Oldest first; of a very long one the middle is left out. */
  history: LetterEntry[];
  /** The redrive of many that sent it last. */
  redriveId?: string;
  /** When (ms) some node sends it, should the one that began to not have come to its end. */
  resendAt?: number;
}

/** How long the node that redrives may take before another sends the message too, in milliseconds. */
export const RESEND_MS = 10_000;
/** The first failure stays; of the rest the newest. */
const HISTORY = 50;

/** A message failed for good: a new dead letter, or one more failure of `letter`. Null when that is known. */
export function recordFailure(
  letter: Letter | null,
  failed: DeadLetter,
  { _id, nodeId, headers }: { _id: string; nodeId: string; headers: DeadLetter["headers"] },
): Decision<Letter> | null {
  const { id, correlationId, ...fields } = failed;
  if (letter?.history.some((entry) => entry.what === "failed" && entry.id === id)) return null;
  const { failedAt: at, reason, error, attempts, payload, service, channel } = fields;
  const { resendAt: _sent, ...before } = letter ?? { failures: 0, firstFailedAt: at, history: [] };
  const orderId = orderOf(payload);
  const state: Letter = {
    ...before,
    ...fields,
    _id,
    headers,
    ...(isId(correlationId) && { correlationId }),
    ...(orderId && { orderId }),
    status: "open",
    failures: before.failures + 1,
    firstFailedAt: before.firstFailedAt,
    history: bounded([...before.history, { at, what: "failed", id, reason, error, attempts }]),
  };
  // The word of a failed word would go round for ever.
  const silent = failed.type === "ErrorOccurred";
  const data: EventData<"ErrorOccurred"> = { nodeId, deadLetterId: _id, channel, reason, service };
  return {
    state,
    messages: silent ? [] : [{ event: "ErrorOccurred", data: { ...data, ...(orderId && { orderId }) } }],
  };
}

/** How an open letter is sent again: `payload` instead of what it was, and who says so. */
export interface RedriveOrder {
  by: string;
  payload?: unknown;
  redriveId?: string;
}

/**
 * Sends an open letter again; null when it is not open.
 * @throws ValidationError with the fields, when an edited payload breaks the contract of its message
 */
export function redrive(
  letter: Letter,
  { by, payload, redriveId }: RedriveOrder,
  now: Now,
): Decision<Letter> | null {
  if (letter.status !== "open") return null;
  const edits = payload === undefined ? [] : editsOf(letter.payload, payload);
  const edited = edits.length > 0 ? editedTo(letter, payload) : {};
  const { redriveId: _last, ...rest } = letter;
  const entry: LetterEntry = {
    at: now.at,
    what: "redriven",
    by,
    ...(edits.length > 0 && { edits }),
    ...(redriveId && { redriveId }),
  };
  const state: Letter = {
    ...rest,
    ...edited,
    status: "redriven",
    ...(redriveId && { redriveId }),
    resendAt: now.ms + RESEND_MS,
    history: bounded([...letter.history, entry]),
  };
  const { _id: deadLetterId, channel, orderId } = state;
  const data = { deadLetterId, channel, by, edited: edits.map(({ pointer }) => pointer) };
  return {
    state,
    messages: [
      {
        event: "DeadLetterRedriven",
        data: { ...data, ...(redriveId && { redriveId }), ...(orderId && { orderId }) },
      },
    ],
  };
}

/** Gives an open letter up; null when it is not open. */
export function discard(
  letter: Letter,
  { by, reason }: { by: string; reason?: string },
  now: Now,
): Decision<Letter> | null {
  if (letter.status !== "open") return null;
  const entry: LetterEntry = { at: now.at, what: "discarded", by, ...(reason && { reason }) };
  const { _id: deadLetterId, channel, orderId } = letter;
  return {
    state: { ...letter, status: "discarded", history: bounded([...letter.history, entry]) },
    messages: [
      {
        event: "DeadLetterDiscarded",
        data: { deadLetterId, channel, by, ...(reason && { reason }), ...(orderId && { orderId }) },
      },
    ],
  };
}

/** What an edited payload makes of a letter. @throws ValidationError */
function editedTo(letter: Letter, payload: unknown): Partial<Letter> {
  // As the consumer will read it: an old version is raised first.
  const broken = contractError(upcast(payload));
  if (broken instanceof ValidationError) throw inPayload(broken.errors);
  const message = payload as MessageEnvelope;
  const field = isCommand(message) ? "/commandType" : "/eventType";
  if (broken) throw inPayload([{ pointer: field, detail: "is not known" }]);
  if (isCommand(message) !== (letter.kind === "command"))
    throw inPayload([
      { pointer: "", detail: `must be ${letter.kind === "command" ? "a command" : "an event"}` },
    ]);
  const type = messageType(message);
  const channel = isCommandType(type) ? type : isEventType(type) ? EVENTS[type].topic : null;
  if (channel === null ? type !== letter.type : channel !== letter.channel)
    throw inPayload([{ pointer: field, detail: `is not for ${letter.channel}` }]);
  const moved = IDENTITY.filter((path) => {
    const before = valueAt(letter.payload, path);
    return isId(before) && valueAt(message, path) !== before;
  });
  if (moved.length > 0)
    throw inPayload(
      moved.map((path) => ({
        pointer: `/${path.join("/")}`,
        detail: "must stay: consumers know the message by it",
      })),
    );
  const { correlationId } = message;
  const orderId = orderOf(payload);
  return {
    payload,
    type,
    messageId: messageId(message),
    key: letter.key ?? message.key,
    ...(isId(correlationId) && { correlationId }),
    ...(orderId && { orderId }),
  };
}

/** What a message is known by, so that doing it again is doing it once, and to the same order. */
const IDENTITY = [["commandId"], ["eventId"], ["key"], ["data", "orderId"]];
const valueAt = (payload: unknown, path: string[]): unknown =>
  path.reduce((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], payload);

const inPayload = (errors: { pointer: string; detail: string }[]): ValidationError =>
  new ValidationError(
    errors.map(({ pointer, detail }) => ({ pointer: `/payload${pointer}`, detail })),
    "The edited message breaks its contract.",
  );

/** The order that a message is about, as far as it can be read. */
function orderOf(payload: unknown): string | undefined {
  const orderId = valueAt(payload, ["data", "orderId"]);
  return isId(orderId) ? orderId : undefined;
}

/** What may stand as an id in an envelope: a broken message may have anything there. */
const isId = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= 255;

const bounded = (history: LetterEntry[]): LetterEntry[] =>
  history.length > HISTORY ? [...history.slice(0, 1), ...history.slice(1 - HISTORY)] : history;
