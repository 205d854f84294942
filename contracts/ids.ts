import { v5 as uuidv5, v7 as uuidv7 } from "uuid";

/** A fixed namespace (RFC 9562, version 5) so that derived ids never meet those of another program. */
const NAMESPACE = "6f0c7a3e-52d1-4a53-9d4e-6c1f5ab2d9b7";

/** A new id that sorts by the time it was made (UUID version 7). */
export const newId = (): string => uuidv7();

/** The same parts always give the same id, so that a second time is a duplicate key and not a second effect. */
export const derivedId = (...parts: string[]): string => uuidv5(JSON.stringify(parts), NAMESPACE);
