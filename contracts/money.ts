import { Type, type Static } from "@sinclair/typebox";

/** An amount in minor units (cents) with its ISO 4217 currency. */
export const Money = Type.Object({
  amount: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "minor units (cents)" }),
  currency: Type.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" }),
});
export type Money = Static<typeof Money>;
