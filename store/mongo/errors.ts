import { mongo } from "mongoose";
import { DuplicateKeyError, HubError, PermanentError, StoreUnavailableError } from "../../contracts/errors";

const DUPLICATE_KEY = 11000;

/** Refused because of what was asked: asking again gives the same. (BadValue, FailedToParse, TypeMismatch, ...) */
const REFUSED = new Set([2, 9, 14, 16, 28, 40, 52, 55, 56, 57, 66, 10334, 17280, 17419, 40353]);

/**
 * A driver's error as the store's. Everything that is neither a duplicate nor a bad request (networks,
 * elections, timeouts, full disks, rights) may pass: StoreUnavailableError. A write that ended with it is
 * in doubt.
 */
export function toStoreError(error: unknown, collection: string): Error {
  if (error instanceof HubError) return error;
  const { code, message } = error as { code?: unknown; message: string };
  if (code === DUPLICATE_KEY) return new DuplicateKeyError(collection, duplicateField(error));
  if (error instanceof mongo.MongoServerError && REFUSED.has(Number(code))) {
    return new PermanentError("STORE_REFUSED", `${collection}: ${message}`);
  }
  const name = (error as Error).name;
  if (name.startsWith("Mongo")) {
    return new StoreUnavailableError(`The store did not answer: ${message}`, { cause: error });
  }
  return error as Error;
}

/** The same for one write of a bulk. */
export function writeError({ code, errmsg }: { code: number; errmsg?: string }, collection: string): Error {
  if (code === DUPLICATE_KEY) return new DuplicateKeyError(collection, duplicateField({ message: errmsg }));
  if (REFUSED.has(code)) return new PermanentError("STORE_REFUSED", `${collection}: ${errmsg}`);
  return new StoreUnavailableError(`The store did not answer: ${errmsg}`);
}

function duplicateField(error: unknown): string {
  const { keyPattern, message = "" } = error as { keyPattern?: object; message?: string };
  if (keyPattern) return Object.keys(keyPattern).join(", ");
  const key = /dup key: \{ (.*) \}/.exec(message)?.[1] ?? "";
  return [...key.matchAll(/(?:^|, )([^:,]+): /g)].map((match) => match[1]).join(", ") || "_id";
}
