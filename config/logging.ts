import type { LoggerOptions, LogFn, Logger } from "pino";
import { redact, redactText } from "../contracts/redact";

/**
 * One line of JSON: the texts of a call as `msg`, its error as `err`, the fields of its objects beside them
 * (`logger.warn({ correlationId }, "text", error)`, in any order), all of it without secrets.
 */
function write(this: Logger, parts: Parameters<LogFn>, log: LogFn): void {
  const texts: string[] = [];
  const fields: Record<string, unknown> = {};
  for (const part of parts as unknown[]) {
    if (part instanceof Error) fields.err = redact(part);
    else if (typeof part === "object" && part !== null && !Array.isArray(part))
      Object.assign(fields, redact(part) as Record<string, unknown>);
    else if (part !== undefined && part !== "")
      texts.push(typeof part === "object" ? JSON.stringify(redact(part)) : redactText(String(part)));
  }
  const { err } = fields as { err?: { message?: string } };
  log.call(this, fields, texts.length > 0 ? texts.join(" ") : (err?.message ?? ""));
}

/** How every logger of the hub writes, the broker's and the store's. */
export const LOGGING = {
  // A reader understands "warn" better than 40.
  formatters: { level: (label) => ({ level: label }) },
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  hooks: { logMethod: write },
} as const satisfies LoggerOptions;
