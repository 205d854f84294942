import { mingoQuery } from "./mingo";
import { isObject, splitPath, valueAt, type Json } from "./paths";
import type { Query } from "./types";

export type Predicate = (doc: unknown) => boolean;
type Scalar = string | number | boolean;

/**
 * MongoDB's query language as a function. Equality with scalars (what a compare-and-set asks) is tested
 * here because it is on the hot path; mingo does the rest.
 */
export function matcher(query: Query): Predicate {
  const tests = Object.entries(query).map(([field, condition]) => fieldTest(field, condition));
  return (doc) => tests.every((test) => test(doc));
}

function fieldTest(field: string, condition: unknown): Predicate {
  let compiled: ReturnType<typeof mingoQuery> | undefined;
  const full: Predicate = (doc) => (compiled ??= mingoQuery({ [field]: condition })).test(doc as Json);
  const wanted = field.startsWith("$") ? undefined : wantedScalars(condition);
  if (!wanted) return full;
  const path = splitPath(field);
  return (doc) => {
    const value = valueAt(doc, path);
    return typeof value === "object" && value !== null ? full(doc) : wanted.has(value);
  };
}

/** The values of `x` and `{$in: [x, ...]}` where all of them are scalars. */
function wantedScalars(condition: unknown): Set<unknown> | undefined {
  if (isScalar(condition)) return new Set([condition]);
  if (!isObject(condition) || Object.keys(condition).length !== 1) return undefined;
  if (isScalar(condition.$eq)) return new Set([condition.$eq]);
  return Array.isArray(condition.$in) && condition.$in.every(isScalar) ? new Set(condition.$in) : undefined;
}

export function isScalar(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** `{$gt: 1}` is operators, `{amount: 1}` is a value. */
export function isOperators(value: unknown): value is Record<string, unknown> {
  return isObject(value) && Object.keys(value).some((key) => key.startsWith("$"));
}
