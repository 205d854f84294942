import { PermanentError } from "../contracts/errors";
import { isOperators, matcher, type Predicate } from "./match";
import { isObject, splitPath, type Json } from "./paths";
import type { Update } from "./types";

/** Changes a document in place. */
export type Change = (doc: object) => void;
type FieldChange = (parent: Json, name: string) => void;

/**
 * MongoDB's update operators as a function, prepared once for any number of documents. Values are data:
 * a string "$x" stays a string.
 * @throws PermanentError when the update or a document's shape does not allow it.
 */
export function compileUpdate(update: Update): Change {
  const changes: Change[] = [];
  for (const [operator, fields] of Object.entries(update)) {
    const make = operators[operator];
    if (!make) throw refuse(`${operator} is not an update operator of this store`);
    for (const [path, argument] of Object.entries(fields)) {
      if (path === "_id") throw refuse("_id cannot be changed");
      const parts = splitPath(path);
      const change = make(argument, path);
      const removes = operator === "$unset" || operator === "$pull";
      changes.push((doc) => at(doc as Json, parts, !removes, change));
    }
  }
  return (doc) => changes.forEach((change) => change(doc));
}

const operators: Record<string, (argument: unknown, path: string) => FieldChange> = {
  $set: (value) => (parent, name) => {
    if (value !== undefined) parent[name] = copy(value);
  },
  $unset: () => (parent, name) => {
    // As in MongoDB, the other elements of an array keep their places.
    if (Array.isArray(parent)) parent[Number(name)] = null;
    else delete parent[name];
  },
  $inc: (amount, path) => (parent, name) => {
    const old = parent[name] ?? 0;
    if (typeof old !== "number" || typeof amount !== "number") throw refuse(`$inc of ${path} needs numbers`);
    parent[name] = old + amount;
  },
  $push: (argument, path) => (parent, name) => {
    list(parent, name, path).push(...(copy(each(argument)) as unknown[]));
  },
  $addToSet: (argument, path) => (parent, name) => {
    const values = list(parent, name, path);
    for (const value of each(argument)) {
      if (!values.some((old) => isSame(old, value))) values.push(copy(value));
    }
  },
  $pull: (condition, path) => {
    const goes = pulled(condition);
    return (parent, name) => {
      if (parent[name] === undefined) return;
      parent[name] = list(parent, name, path).filter((value) => !goes(value));
    };
  },
};

/** Walks to the object that holds the last part; makes what is missing on the way only if `create`. */
function at(doc: Json, parts: string[], create: boolean, change: FieldChange): void {
  let parent = doc;
  for (const part of parts.slice(0, -1)) {
    let next = Object.hasOwn(parent, part) ? parent[part] : undefined;
    if (next === undefined) {
      if (!create) return;
      next = parent[part] = {};
    }
    if (typeof next !== "object" || next === null) {
      if (!create) return;
      throw refuse(`${parts.join(".")} goes through a value that is no object`);
    }
    parent = next as Json;
  }
  change(parent, parts[parts.length - 1]);
}

function list(parent: Json, name: string, path: string): unknown[] {
  const value = (parent[name] ??= []);
  if (!Array.isArray(value)) throw refuse(`${path} is not an array`);
  return value;
}

function each(argument: unknown): unknown[] {
  return isObject(argument) && Array.isArray(argument.$each) ? argument.$each : [argument];
}

/** What `$pull` takes away: equal values, elements that an operator finds, or objects that a query finds. */
function pulled(condition: unknown): Predicate {
  if (isOperators(condition)) {
    const test = matcher({ value: condition });
    return (value) => test({ value });
  }
  if (!isObject(condition)) return (value) => isSame(value, condition);
  const test = matcher(condition);
  return (value) => isObject(value) && test(value);
}

/** As MongoDB compares: the order of fields counts. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

/** Two documents never share a value of the update. */
function copy(value: unknown): unknown {
  return typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value)) : value;
}

function refuse(why: string): PermanentError {
  return new PermanentError("BAD_UPDATE", `The update is not possible: ${why}.`);
}
