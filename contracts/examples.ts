import type { TSchema } from "@sinclair/typebox";

/** What a field of this name looks like; a schema's own constants and ranges come first. */
const BY_NAME: Record<string, unknown> = {
  userId: "0199a1b2-0000-7000-8000-000000000001",
  orderId: "0199a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b",
  paymentId: "0199a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b",
  key: "0199a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b",
  correlationId: "4b1f6a52-6a0b-4c58-9a5a-0d7a9e6d3c11",
  causationId: "0199a1b2-3c4d-7000-8000-0000000000c0",
  planId: "pro",
  name: "Pro",
  interval: "month",
  currency: "EUR",
  amount: 2900,
  quantity: 1,
  version: "1.0",
  source: "orders",
  email: "ada@example.com",
  sms: "+4915112345678",
  webhook: "https://example.com/hook",
  password: "correct horse battery staple",
  paymentMethod: "pm_card_visa",
  reason: "CANCELLED_BY_USER",
  channel: "email",
  type: "PaymentProcessed",
  nodeId: "node-1",
  dependency: "events",
  services: ["orders", "payments"],
  score: 0.9,
  reasons: ["the total is above 1,000.00"],
  accessToken: "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIwMTk5In0.c2ln",
};
const ANY_ID = "0199a1b2-3c4d-7000-8000-0000000000aa";
const ANY_TIME = "2026-01-15T09:30:00.000Z";

/** A value that meets `schema` and reads like a real one. Optional fields are left out where `lean`. */
export function exampleOf(schema: TSchema, name = "", lean = false): unknown {
  if ("const" in schema) return schema.const;
  if (schema.enum) return (schema.enum as unknown[])[0];
  if (schema.anyOf) return exampleOf((schema.anyOf as TSchema[])[0] as TSchema, name, lean);
  if (schema.type === "object") return objectOf(schema, lean);
  const known = BY_NAME[name];
  if (known !== undefined && fits(schema, known)) return known;
  if (schema.type === "array") return [exampleOf(schema.items as TSchema, singular(name), lean)];
  if (schema.type === "string") return textOf(schema, name);
  if (schema.type === "integer" || schema.type === "number") return Math.max(1, Number(schema.minimum ?? 1));
  if (schema.type === "boolean") return false;
  return schema.type === "null" ? null : {};
}

function objectOf({ properties = {}, required = [] }: TSchema, lean: boolean): Record<string, unknown> {
  const fields = Object.entries(properties as Record<string, TSchema>).filter(
    ([field]) => !lean || (required as string[]).includes(field),
  );
  return Object.fromEntries(fields.map(([field, schema]) => [field, exampleOf(schema, field, lean)]));
}

function textOf({ format, pattern }: TSchema, name: string): string {
  if (format === "date-time") return ANY_TIME;
  if (pattern) return String(BY_NAME.planId);
  return /(^id|Id)$/.test(name) ? ANY_ID : name || "text";
}

function fits({ type, pattern }: TSchema, value: unknown): boolean {
  const is = Array.isArray(value) ? "array" : typeof value;
  const kind = type === "integer" ? "number" : (type as string);
  return is === kind && (!pattern || new RegExp(pattern as string).test(String(value)));
}

const singular = (name: string): string => name.replace(/s$/, "");
