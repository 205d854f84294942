import { v5 as uuidv5, v7 as uuidv7 } from "uuid";

/** A fixed namespace (RFC 9562, version 5) so that derived ids never meet those of another program. */
const NAMESPACE = "6f0c7a3e-52d1-4a53-9d4e-6c1f5ab2d9b7";

/** A new id that sorts by the time it was made (UUID version 7). */
export const newId = (): string => uuidv7();

/** The same parts always give the same id, so that a second time is a duplicate key and not a second effect. */
export const derivedId = (...parts: string[]): string => uuidv5(JSON.stringify(parts), NAMESPACE);

const VERSION_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7/;

/**
 * A derived id that sorts by the time of `source`, a message's id, so that indexes of such ids grow at their
 * end (UUID version 8: the time of a version 7 id, then the hash). A foreign id has no time: then as `derivedId`.
 */
export function derivedIdOf(source: string, ...parts: string[]): string {
  const hash = derivedId(source, ...parts);
  return VERSION_7.test(source) ? `${source.slice(0, 14)}8${hash.slice(15)}` : hash;
}
