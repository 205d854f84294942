import { audit } from "./audit";
import { dlq } from "./dlq";
import { hub } from "./hub";
import { outbox } from "./outbox";
import { replay } from "./replay";

export { completing, completions } from "./completion";

/** What the hub adds to Moleculer's REPL: the broker's option `replCommands`. */
export const replCommands = [hub, dlq, outbox, replay, audit];
