import pino from "pino";
import type { Config } from "../config";
import { LOGGING } from "../config/logging";
import type { StoreLogger } from ".";

/** The store is opened before there is a broker to log with; the lines look like the broker's. */
export function storeLogger({ LOG_LEVEL, NODE_ID }: Config): StoreLogger {
  const level = LOG_LEVEL === "off" ? "silent" : LOG_LEVEL;
  const logger = pino({
    ...LOGGING,
    level,
    base: { pid: process.pid, ...(NODE_ID && { nodeID: NODE_ID }), mod: "store" },
  });
  const text = (parts: unknown[]): string => parts.map(String).join(" ");
  return {
    info: (...parts) => logger.info(text(parts)),
    warn: (...parts) => logger.warn(text(parts)),
    error: (...parts) => logger.error(text(parts)),
  };
}
