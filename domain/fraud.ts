import type { FraudAnswer, FraudRequest } from "../contracts/api";
import { inUnits } from "./money";

/** In the currency's own units: above it the default rule is suspicious. */
const LARGE_TOTAL = 1_000;

/** The default rule: stateless, and easy to replace by another function at `FRAUD_URL`. */
export function scoreOrder({ amount, currency }: FraudRequest): FraudAnswer {
  return inUnits({ amount, currency }) > LARGE_TOTAL
    ? { score: 0.9, reasons: ["LARGE_TOTAL"] }
    : { score: 0.1, reasons: [] };
}

/** Above the limit, not at it. */
export const isSuspected = ({ score }: FraudAnswer, limit: number): boolean => score > limit;
