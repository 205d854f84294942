import type { ServiceBroker } from "moleculer";
import type { HttpParams } from "../mixins/request";

/** What moleculer-repl gives a command: its arguments by name, and the options as commander read them. */
export interface Args {
  options: Record<string, unknown>;
  [argument: string]: unknown;
}

/** What a command draws with; moleculer-repl brings both along. */
export interface Helpers {
  table(rows: string[][], options?: object): string;
  getBorderCharacters(name: string): object;
}

/** A command as moleculer-repl takes it in the broker's option `replCommands`. */
export interface ReplCommand {
  /** With its arguments, as commander writes them: `dlq <what> [id]`. */
  command: string;
  description: string;
  alias?: string;
  options?: { option: string; description: string }[];
  action(broker: ServiceBroker, args: Args, helpers: Helpers): Promise<void>;
}

/** One line of what follows a command: `list`, `show <id>`. */
export type Subcommand = (broker: ServiceBroker, args: Args, draw: Draw) => Promise<string>;

/** A table with a head, or the line `(none)`. */
export type Draw = (head: string[], rows: unknown[][]) => string;

/** Who the operator at the REPL is, for actions that ask. */
const OPERATOR = { id: "repl", role: "admin", sessionId: "repl" } as const;

/** Calls an action of the hub as the gateway does for an administrator. */
export function ask<T>(broker: ServiceBroker, action: string, params: HttpParams | object = {}): Promise<T> {
  return broker.call<T, object>(action, params, { meta: { user: OPERATOR } });
}

/**
 * A command's `action` out of what gives its text. A failure is one line with the error's code: the REPL goes on.
 */
export function printing(run: Subcommand): ReplCommand["action"] {
  return async (broker, args, helpers) => {
    let text: string;
    try {
      text = await run(broker, args, drawWith(helpers));
    } catch (error) {
      const { code, type, message } = error as Error & { code?: unknown; type?: unknown };
      text = `${typeof code === "string" ? code : typeof type === "string" ? type : "Error"}: ${message}`;
    }
    process.stdout.write(`${text.trimEnd()}\n`);
  };
}

/** Picks the subcommand that the argument `what` names. */
export function oneOf(subcommands: Record<string, Subcommand>, usage: string): Subcommand {
  return (broker, args, draw) => {
    const run = Object.hasOwn(subcommands, String(args.what)) ? subcommands[String(args.what)] : null;
    return run ? run(broker, args, draw) : Promise.resolve(`usage: ${usage}`);
  };
}

/** A whole number above zero out of an option; `fallback` when it is not given. */
export function count(value: unknown, fallback: number): number {
  const number = Number(value ?? fallback);
  return Number.isInteger(number) && number > 0 ? number : fallback;
}

/** The time since `then` (ISO 8601, or ms since 1970) in words of one unit: `850 ms`, `12 s`, `3 h`. */
export function since(then: string | number, now = Date.now()): string {
  return duration(now - (typeof then === "number" ? then : Date.parse(then)));
}

/** `ms` milliseconds in one unit. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
  ];
  const [size, unit] = units.find(([least]) => ms >= 2 * least) ?? [1_000, "s"];
  return `${Math.round(ms / size)} ${unit}`;
}

function drawWith({ table, getBorderCharacters }: Helpers): Draw {
  return (head, rows) => {
    if (rows.length === 0) return "(none)\n";
    const cells = [head, ...rows].map((row) => row.map((cell) => oneLine(cell)));
    return table(cells, {
      border: getBorderCharacters("norc"),
      drawHorizontalLine: (line: number, size: number) => line <= 1 || line === size,
    });
  };
}

/** The library refuses control characters, and a stack trace would tear the table. */
const oneLine = (cell: unknown): string => String(cell ?? "").replace(/\p{Cc}+/gu, " ");
