import { isOperators, isScalar } from "../match";
import { isObject, parseSort } from "../paths";
import type { Query } from "../types";
import { type SqliteCollection, encode } from "./collection";
import type { Value } from "./engine";

/** A query as SQL. Where `exact` is false the SQL finds all that match and maybe more: test the rest. */
export interface CompiledQuery {
  where: string;
  parameters: Value[];
  exact: boolean;
}

const EVERYTHING: CompiledQuery = { where: "1", parameters: [], exact: true };
const UNKNOWN: CompiledQuery = { where: "1", parameters: [], exact: false };
const NULL_CONDITION = (sql: string): string => `(${sql} IS NULL OR ${sql} = x'')`;

/** A query as SQL, as far as the collection's columns can answer it. */
export function compileQuery(collection: SqliteCollection, query: Query = {}): CompiledQuery {
  return and(
    Object.entries(query).map(([field, condition]) => {
      if (field === "$and") return and((condition as Query[]).map((part) => compileQuery(collection, part)));
      if (field === "$or") return or((condition as Query[]).map((part) => compileQuery(collection, part)));
      return compileField(collection, field, condition);
    }),
  );
}

/** ORDER BY's terms, or undefined when a field of the sort has no column that can order it. */
export function compileSort(collection: SqliteCollection, sort?: string | string[]): string | undefined {
  const terms: string[] = [];
  for (const { field, descending } of parseSort(sort)) {
    const sql = collection.column(field);
    const column = collection.columns.get(field);
    if (!sql || column?.complex) return undefined;
    const key = column?.nulls ? `CASE WHEN ${sql} = x'' THEN NULL ELSE ${sql} END` : sql;
    terms.push(descending ? `${key} DESC` : key);
  }
  return terms.join(", ");
}

function compileField(collection: SqliteCollection, field: string, condition: unknown): CompiledQuery {
  const sql = collection.column(field);
  const column = collection.columns.get(field);
  if (!sql || column?.complex) return UNKNOWN;
  const nulls = column?.nulls ?? false;
  if (!isOperators(condition)) return compare(sql, nulls, "$eq", condition);
  return and(Object.entries(condition).map(([operator, value]) => compare(sql, nulls, operator, value)));
}

function compare(sql: string, nulls: boolean, operator: string, value: unknown): CompiledQuery {
  const isNull = nulls ? NULL_CONDITION(sql) : `${sql} IS NULL`;
  const exact = (where: string, ...parameters: Value[]): CompiledQuery => ({
    where,
    parameters,
    exact: true,
  });
  if (operator === "$eq" && (value === null || value === undefined)) return exact(isNull);
  if (operator === "$ne" && (value === null || value === undefined)) return exact(`NOT ${isNull}`);
  if (operator === "$exists") return exact(`${sql} IS ${value ? "NOT NULL" : "NULL"}`);
  if (operator === "$in" && Array.isArray(value)) return among(sql, isNull, value);
  if (operator === "$nin" && Array.isArray(value)) {
    const { where, parameters, exact } = among(sql, isNull, value);
    return exact ? { where: `(${where}) IS NOT 1`, parameters, exact } : UNKNOWN;
  }
  if (!isScalar(value)) return UNKNOWN;
  if (operator === "$eq") return exact(`${sql} = ?`, encode(value));
  if (operator === "$ne") return exact(`${sql} IS NOT ?`, encode(value));
  return range(sql, operator, value);
}

const RANGES: Record<string, string> = { $gt: ">", $gte: ">=", $lt: "<", $lte: "<=" };

/** A range stays within the type of its bound. SQLite orders numbers before text before blobs. */
function range(sql: string, operator: string, value: string | number | boolean): CompiledQuery {
  const sign = RANGES[operator];
  if (!sign || typeof value === "boolean") return UNKNOWN;
  const upwards = sign.startsWith(">");
  let guard = "";
  if (typeof value === "number" && upwards) guard = ` AND ${sql} < ''`;
  if (typeof value === "string") guard = upwards ? ` AND ${sql} < x''` : ` AND ${sql} >= ''`;
  return { where: `(${sql} ${sign} ?${guard})`, parameters: [value], exact: true };
}

/** One parameter for a list of any length, so that its statement can be reused. */
function among(sql: string, isNull: string, values: unknown[]): CompiledQuery {
  if (values.some((value) => isObject(value) || Array.isArray(value))) return UNKNOWN;
  const plain = values.filter((value) => typeof value === "string" || typeof value === "number");
  const flags = values.filter((value) => typeof value === "boolean");
  const parts = [`${sql} IN (SELECT value FROM json_each(?))`, ...flags.map(() => `${sql} = ?`)];
  if (plain.length + flags.length < values.length) parts.push(isNull);
  return {
    where: parts.length > 1 ? `(${parts.join(" OR ")})` : parts[0],
    parameters: [JSON.stringify(plain), ...flags.map(encode)],
    exact: true,
  };
}

function and(parts: CompiledQuery[]): CompiledQuery {
  const known = parts.filter((part) => part.where !== "1");
  if (parts.length === 0) return EVERYTHING;
  return {
    where: known.map((part) => part.where).join(" AND ") || "1",
    parameters: known.flatMap((part) => part.parameters),
    exact: parts.every((part) => part.exact),
  };
}

function or(parts: CompiledQuery[]): CompiledQuery {
  if (parts.length === 0) return UNKNOWN;
  return {
    where: parts.some((part) => part.where === "1")
      ? "1"
      : `(${parts.map((part) => `(${part.where})`).join(" OR ")})`,
    parameters: parts.some((part) => part.where === "1") ? [] : parts.flatMap((part) => part.parameters),
    exact: parts.every((part) => part.exact),
  };
}
