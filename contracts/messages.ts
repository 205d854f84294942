import { Type, type TObject } from "@sinclair/typebox";
import { COMMANDS, isCommandType } from "./commands";
import { DeadLetterMessage } from "./dead-letter";
import { isCommand, type MessageEnvelope } from "./envelope";
import { PermanentError, ValidationError, type FieldError } from "./errors";
import { EVENTS } from "./events";
import { fieldErrors } from "./validate";

const Text = Type.String({ minLength: 1, maxLength: 512 });

const COMMON = {
  timestamp: Type.String({ format: "date-time" }),
  version: Type.String({ pattern: "^\\d+\\.\\d+$" }),
  source: Text,
  correlationId: Text,
  causationId: Text,
  key: Text,
  sequence: Type.Integer({ minimum: 0 }),
};

/** The envelope's schema with one event's data. */
export const eventSchema = (type: string, data: TObject): TObject =>
  Type.Object({ eventId: Text, eventType: Type.Literal(type), ...COMMON, data });

/** The envelope's schema with one command's data. */
export const commandSchema = (type: string, data: TObject): TObject =>
  Type.Object({ commandId: Text, commandType: Type.Literal(type), ...COMMON, data });

const SCHEMAS = new Map<string, TObject>([
  ...Object.entries(EVENTS).map(([type, { data }]) => [type, eventSchema(type, data)] as const),
  ...Object.entries(COMMANDS).map(([type, { data }]) => [type, commandSchema(type, data)] as const),
]);

/** What any event has, whatever its type: of one that is not known yet its envelope is held to this. */
const ANY_EVENT: TObject = Type.Object({ eventId: Text, eventType: Text, ...COMMON, data: Type.Object({}) });

/** Messages that were found good; frozen, so they stay it. Several groups get the same one. */
const known = new WeakSet<object>();

/**
 * Holds a message against its contract. An event of an unknown type passes where its envelope is whole
 * (somebody newer sent it, and a consumer ignores what it does not know); an unknown command does not: it was
 * meant for us.
 * @returns the error that makes it a dead letter, or null.
 */
export function contractError(message: unknown): ValidationError | PermanentError | null {
  if (typeof message !== "object" || message === null)
    return new ValidationError(
      [{ pointer: "", detail: "must be an envelope" }],
      "The message is not an envelope.",
    );
  if (known.has(message)) return null;
  const error = envelopeError(message as MessageEnvelope);
  if (!error && Object.isFrozen(message)) known.add(message);
  return error;
}

/** Holds what came over the channel of dead letters against its contract. */
export const letterError = (message: unknown): ValidationError | null =>
  broken("A dead letter", DeadLetterMessage, message);

function envelopeError(envelope: MessageEnvelope): ValidationError | PermanentError | null {
  if (isCommand(envelope)) {
    if (!isCommandType(envelope.commandType))
      return new PermanentError("UNKNOWN_COMMAND", `There is no command ${String(envelope.commandType)}.`);
    return broken(envelope.commandType, SCHEMAS.get(envelope.commandType) as TObject, envelope);
  }
  if (typeof envelope.eventId !== "string" || typeof envelope.eventType !== "string")
    return new ValidationError(
      [{ pointer: "/eventId", detail: "is required" }],
      "The message has no eventId and eventType.",
    );
  return broken(envelope.eventType, SCHEMAS.get(envelope.eventType) ?? ANY_EVENT, envelope);
}

function broken(what: string, schema: TObject, message: unknown): ValidationError | null {
  const errors = fieldErrors(schema, message);
  return errors && new ValidationError(errors, `${what} breaks its contract: ${summary(errors)}`);
}

const summary = (errors: FieldError[]): string =>
  errors
    .slice(0, 3)
    .map((e) => `${e.pointer || "/"} ${e.detail}`)
    .join("; ");
