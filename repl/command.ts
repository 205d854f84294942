import type { ServiceBroker } from "moleculer";
import type { HttpParams } from "../mixins/http/request";

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
      text = failure(error as Failure);
    }
    process.stdout.write(`${text.trimEnd()}\n`);
  };
}

interface Failure extends Error {
  code?: unknown;
  type?: unknown;
  details?: { errors?: { pointer: string; detail: string }[] };
}

function failure({ code, type, message, details }: Failure): string {
  const name = typeof code === "string" ? code : typeof type === "string" ? type : "Error";
  const fields = (details?.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`);
  return [`${name}: ${message}`, ...fields].join(" · ");
}

/** Picks the subcommand that the argument `what` names; any other word gets the usage. */
export function oneOf(subcommands: Record<string, Subcommand>, usage: Usage): Subcommand {
  return (broker, args, draw) => {
    const run = Object.hasOwn(subcommands, String(args.what)) ? subcommands[String(args.what)] : null;
    return run ? run(broker, args, draw) : Promise.resolve(usageText(usage));
  };
}

/** The forms of a command: how each is typed, and what it does. */
export type Usage = readonly (readonly [form: string, what: string])[];

function formsOf(usage: Usage): string[] {
  const width = Math.max(...usage.map(([form]) => form.length));
  return usage.map(([form, what]) => `${form.padEnd(width)}   ${what}`);
}

/** The forms of a command, one a line. */
export const usageText = (usage: Usage): string => `usage: ${formsOf(usage).join("\n       ")}`;

/** What `help` shows: what it is for, then its forms. */
export const helpText = (summary: string, usage: Usage): string => [summary, ...formsOf(usage)].join("\n  ");

/** An option's text as a moment: ISO 8601, or how long ago (`30min`, `2h`, `1d`). Anything else is left to the hub. */
export function moment(value: unknown, now = Date.now()): string | undefined {
  if (value === undefined) return undefined;
  const [, number, unit] = /^(\d+)(s|min|h|d)$/.exec(String(value)) ?? [];
  const size = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ""];
  return size ? new Date(now - Number(number) * size).toISOString() : String(value);
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
