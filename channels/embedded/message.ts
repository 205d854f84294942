import { parseMessage, type Parsed } from "../base";

/** A message as a producer gives it; `text` is its payload, JSON unless the producer is a foreign one. */
export interface Draft {
  channel: string;
  key: string | null;
  headers: Record<string, string>;
  text: string;
}

/** A message of the log; `seq` grows with every commit. */
export interface Message extends Draft {
  seq: number;
  parsed?: Parsed;
}

/** The payload of a message, parsed once for all groups; frozen, since they share it. */
export function payloadOf(message: Message): Parsed {
  if (!message.parsed) {
    message.parsed = parseMessage(message.text);
    if (message.parsed.ok) deepFreeze(message.parsed.payload);
  }
  return message.parsed;
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const name in value) deepFreeze((value as Record<string, unknown>)[name]);
  Object.freeze(value);
}
