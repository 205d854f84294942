import { dlq } from "./dlq";
import { hub } from "./hub";
import { outbox } from "./outbox";

export { completing, completions } from "./completion";

/** What the hub adds to Moleculer's REPL: the broker's option `replCommands`. */
export const replCommands = [hub, dlq, outbox];
