import { PermanentError } from "../contracts/errors";

/** Dotted paths into JSON documents. */

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The names of a dotted path. @throws PermanentError BAD_PATH */
export function splitPath(path: string): string[] {
  const parts = path.split(".");
  if (parts.includes("__proto__")) throw new PermanentError("BAD_PATH", `${path} is not a path.`);
  return parts;
}

/**
 * The value at a path; undefined when it is missing. Where the path meets an array, the array is the
 * answer: what lies in it has many values.
 */
export function valueAt(doc: unknown, parts: readonly string[]): unknown {
  let value = doc;
  for (const part of parts) {
    if (Array.isArray(value)) return value;
    if (!isObject(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

/** The document with nothing but these fields and `_id`. */
export function project<D extends object>(doc: D, fields: string[]): D {
  const copy: Json = {};
  for (const field of ["_id", ...fields]) {
    const parts = splitPath(field);
    const value = valueAt(doc, parts);
    if (value === undefined) continue;
    let target = copy;
    for (const part of parts.slice(0, -1)) target = (target[part] ??= {}) as Json;
    target[parts[parts.length - 1]] = value;
  }
  return copy as D;
}

/** A sort of moleculer-db's or ours as pairs of path and direction. */
export function parseSort(sort: string | string[] | undefined): { field: string; descending: boolean }[] {
  const names = typeof sort === "string" ? sort.split(/[\s,]+/) : (sort ?? []);
  return names
    .filter((name) => name !== "")
    .map((name) => ({ field: name.replace(/^-/, ""), descending: name.startsWith("-") }));
}
