import type { LoggerInstance } from "moleculer";
import { StoreUnavailableError } from "../contracts/errors";

const FIRST_MS = 200;
const LONGEST_MS = 5_000;

/**
 * Does what a service needs done at its start. Resolves when it is done; or at once when the store is away,
 * and goes on trying in the background, so that a node starts although its store is not there yet.
 */
export async function atStart(logger: LoggerInstance, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    logger.warn(`The start waits for the store: ${error.message}`);
    again(logger, work, FIRST_MS);
  }
}

function again(logger: LoggerInstance, work: () => Promise<void>, delay: number): void {
  setTimeout(() => {
    work().catch((error: Error) => {
      if (error instanceof StoreUnavailableError) again(logger, work, Math.min(delay * 2, LONGEST_MS));
      else logger.error(error);
    });
  }, delay).unref();
}
