import { messageType, type MessageEnvelope } from "./envelope";

/** Turns a message of one major version into one of a later major. */
export type Upcaster = (old: MessageEnvelope) => MessageEnvelope;
/** By `type@major`, the major that it reads: `"OrderPlaced@1"`. */
export type Upcasters = Readonly<Record<string, Upcaster>>;

/** Every contract is at its first major: there is nothing to turn yet. */
export const UPCASTERS: Upcasters = {};

export const majorOf = (version: string): number => Number(version.split(".")[0]);

/** The message as the newest version has it; what is no envelope, or is new enough, comes back as it is. */
export function upcast(message: unknown, upcasters: Upcasters = UPCASTERS): unknown {
  let current = message;
  while (isVersioned(current)) {
    const before = majorOf(current.version);
    const up = upcasters[`${messageType(current)}@${before}`];
    if (!up) return current;
    current = up(current);
    // Each step goes up, so that this ends.
    if (!isVersioned(current) || majorOf(current.version) <= before)
      throw new Error(
        `The upcaster of ${messageType(current as MessageEnvelope)}@${before} does not raise the major.`,
      );
  }
  return current;
}

const isVersioned = (message: unknown): message is MessageEnvelope =>
  typeof message === "object" &&
  message !== null &&
  typeof (message as Partial<MessageEnvelope>).version === "string";
