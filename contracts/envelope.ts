/**
 * The envelope around every command and event. `key` is the id of the aggregate that speaks; `sequence`
 * counts the messages of one source and key from 1; `causationId` is the id of the message or request that
 * caused this one; `version` is "major.minor", where a minor only adds.
 */
interface Envelope<Data> {
  /** ISO 8601, UTC: when it happened. */
  timestamp: string;
  version: string;
  source: string;
  correlationId: string;
  causationId: string;
  key: string;
  sequence: number;
  data: Data;
}

export interface EventEnvelope<Type extends string = string, Data = unknown> extends Envelope<Data> {
  eventId: string;
  eventType: Type;
}

export interface CommandEnvelope<Type extends string = string, Data = unknown> extends Envelope<Data> {
  commandId: string;
  commandType: Type;
}

export type MessageEnvelope = EventEnvelope | CommandEnvelope;

/** Whether a message is a command; else it is an event. */
export function isCommand(message: MessageEnvelope): message is CommandEnvelope {
  return "commandId" in message;
}

/** Its `commandId` or `eventId`: what consumers tell repeats by. */
export function messageId(message: MessageEnvelope): string {
  return isCommand(message) ? message.commandId : message.eventId;
}

/** Its `commandType` or `eventType`. */
export function messageType(message: MessageEnvelope): string {
  return isCommand(message) ? message.commandType : message.eventType;
}
