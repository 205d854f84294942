import type { CommandData, CommandType } from "../contracts/commands";
import type { EventEnvelope, CommandEnvelope } from "../contracts/envelope";
import type { EventData, EventType } from "../contracts/events";

/** A message that a decision wants to be sent; the outbox makes an envelope of it. */
export type Draft =
  | { [T in EventType]: { event: T; data: EventData<T>; id?: string; keep?: boolean } }[EventType]
  | { [T in CommandType]: { command: T; data: CommandData<T>; id?: string } }[CommandType];

/** What a decision comes to: the document as it is now to be, and what is to be told. */
export interface Decision<S> {
  state: S;
  messages: Draft[];
  /** Events told before, to be told again as they were: somebody asks a second time. */
  again?: (EventEnvelope | CommandEnvelope)[];
}

/** What every decision is given from outside: the domain has no clock of its own. */
export interface Now {
  /** ISO 8601, UTC. */
  at: string;
  /** The same, in milliseconds. */
  ms: number;
}
