import type { REPLServer } from "node:repl";
import { SERVICE_NAMES } from "../config";
import { ORDER_STATUSES } from "../contracts/events";
import { PROJECTIONS } from "../domain/projections";

const FILTERS = ["--kind", "--channel", "--type", "--service", "--reason", "--key", "--from", "--to"];

/** What may follow a command, and the options of each. moleculer-repl completes a command's own name alone. */
const NEXT: Record<string, Record<string, string[]>> = {
  hub: { status: [], orders: ["--stuck", "--status", "--limit"], trace: [], nudge: [] },
  dlq: {
    list: ["--status", ...FILTERS, "--limit"],
    show: [],
    redrive: ["--edit", "--all", ...FILTERS, "--rate"],
    redrives: ["--limit"],
    stop: [],
    discard: ["--reason"],
  },
  replay: Object.fromEntries([...PROJECTIONS.keys()].map((name) => [name, ["--from"]])),
  audit: { verify: [] },
};
/** The options of commands that take them at once. */
const OPTIONS: Record<string, string[]> = { outbox: ["--limit"] };
/** What an option takes, where that is a list. */
const VALUES: Record<string, (command: string) => readonly string[]> = {
  "--status": (command) => (command === "hub" ? [...ORDER_STATUSES] : ["open", "redriven", "discarded"]),
  "--kind": () => ["command", "event"],
  "--service": () => SERVICE_NAMES,
  "--from": () => ["30min", "2h", "1d"],
};

/** The lines that `line` may become; null where it is no command of ours. */
export function completions(line: string): string[] | null {
  const words = line.split(" ");
  const [command = "", what = ""] = words;
  const last = words.pop() ?? "";
  if (words.length === 0 || !(Object.hasOwn(NEXT, command) || Object.hasOwn(OPTIONS, command))) return null;
  const all = candidates(command, what, words);
  const hits = all.filter((one) => one.startsWith(last));
  return (hits.length > 0 ? hits : all).map((one) => [...words, one].join(" "));
}

/** What may come after `words`. */
function candidates(command: string, what: string, words: string[]): readonly string[] {
  const values = VALUES[words.at(-1) ?? ""];
  if (values) return values(command);
  const forms = NEXT[command];
  if (forms && words.length === 1) return Object.keys(forms);
  const options = forms ? (forms[what] ?? []) : (OPTIONS[command] ?? []);
  return options.filter((option) => !words.includes(option));
}

/** Adds our completion to the REPL's own. */
export function completing(server: REPLServer): void {
  type Complete = (line: string, done: (error: Error | null, result: [string[], string]) => void) => void;
  const repl = server as unknown as { completer: Complete };
  const { completer } = repl;
  repl.completer = (line, done) => {
    const own = completions(line);
    if (own) done(null, [own, line]);
    else completer(line, done);
  };
}
