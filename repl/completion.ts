import type { REPLServer } from "node:repl";

/** What may follow a command. moleculer-repl completes a command's own name, but not this. */
const NEXT: Record<string, string[]> = {
  hub: ["status", "orders", "orders --stuck", "orders --status", "trace"],
  dlq: ["list", "list --status", "show", "redrive", "discard"],
  outbox: ["--limit"],
};

/** The lines that `line` may become; null where it is no command of ours. */
export function completions(line: string): string[] | null {
  const [command, ...rest] = line.split(" ");
  if (rest.length === 0 || !Object.hasOwn(NEXT, command)) return null;
  const all = NEXT[command].map((next) => `${command} ${next}`);
  const hits = all.filter((one) => one.startsWith(line));
  return hits.length > 0 ? hits : all;
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
