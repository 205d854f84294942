import Ajv, { type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import type { Static, TSchema } from "@sinclair/typebox";
import { ValidationError, type FieldError } from "./errors";

const ajv = new Ajv({
  allErrors: true,
  useDefaults: true,
  strict: true,
  strictSchema: true,
  allowUnionTypes: true,
});
addFormats(ajv);
// Every message has a timestamp, so one expression checks the common case; ajv checks days 29 to 31.
// A leap second is a date-time by RFC 3339, and no time to JavaScript. Between date and time ajv takes any
// blank, of which JavaScript knows one.
const { validate: isDateTime } = ajv.formats["date-time"] as { validate(text: string): boolean };
const DATE_TIME =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
ajv.addFormat(
  "date-time",
  (text: string) => DATE_TIME.test(text) && (text.slice(8, 10) <= "28" || isDateTime(text)),
);
ajv.addVocabulary(["example"]);

const compiled = new WeakMap<TSchema, ValidateFunction>();

function validator(schema: TSchema): ValidateFunction {
  let validate = compiled.get(schema);
  if (!validate) compiled.set(schema, (validate = ajv.compile(schema)));
  return validate;
}

/** The most errors that are told of one value. */
const TOLD = 20;

/** What is wrong with `value`, at most the first 20; or null. */
export function fieldErrors(schema: TSchema, value: unknown): FieldError[] | null {
  const validate = validator(schema);
  if (validate(value)) return null;
  const seen = new Set<string>();
  const unique = choices(validate.errors ?? [])
    .map((error) => fieldError(error, schema))
    .filter((e) => {
      const id = e.pointer + e.detail;
      return seen.has(id) ? false : seen.add(id);
    });
  return unique.slice(0, TOLD);
}

/** A choice fails with an error for each of its ways and one for all; of constants one that names them is enough. */
function choices(errors: ErrorObject[]): ErrorObject[] {
  const allowed = new Map<string, unknown[]>();
  const known = new Set<string>();
  for (const { keyword, instancePath, params } of errors) {
    if (keyword !== "anyOf") known.add(instancePath);
    if (keyword === "const")
      allowed.set(instancePath, [...(allowed.get(instancePath) ?? []), params.allowedValue]);
  }
  return errors.flatMap((error) => {
    const { keyword, instancePath } = error;
    if (keyword === "anyOf" && known.has(instancePath)) return [];
    if (keyword !== "const") return error;
    return { ...error, keyword: "enum", params: { allowedValues: allowed.get(instancePath) } };
  });
}

/**
 * The value, known to meet its schema; defaults are filled in.
 * @throws ValidationError with one entry for each field that does not.
 */
export function parse<S extends TSchema>(schema: S, value: unknown, message?: string): Static<S> {
  const errors = fieldErrors(schema, value);
  if (errors) throw new ValidationError(errors, message);
  return value as Static<S>;
}

/** The part of `schema` in which `schemaPath` (`#/properties/name/pattern`) names a keyword. */
function partOf(schema: TSchema, schemaPath: string): { description?: string } {
  const steps = schemaPath.split("/").slice(1, -1).map(decodeURIComponent);
  return steps.reduce<Record<string, never>>((part, step) => part?.[step] ?? {}, schema as never);
}

function fieldError(error: ErrorObject, schema: TSchema): FieldError {
  const { params, keyword } = error;
  const at = (name: string) => `${error.instancePath}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  if (keyword === "required") return { pointer: at(String(params.missingProperty)), detail: "is required" };
  if (keyword === "additionalProperties")
    return { pointer: at(String(params.additionalProperty)), detail: "is not a field of this request" };
  if (keyword === "enum")
    return {
      pointer: error.instancePath,
      detail: `must be one of ${(params.allowedValues as unknown[]).join(", ")}`,
    };
  // What an expression asks for, people read better in the words beside it.
  const { description } = partOf(schema, error.schemaPath);
  if (keyword === "pattern" && description)
    return { pointer: error.instancePath, detail: `must be ${description}` };
  return { pointer: error.instancePath, detail: error.message ?? "is not valid" };
}
