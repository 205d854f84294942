import type { FraudAnswer, FraudRequest } from "../contracts/api";

/** 1,000.00 in minor units: above it the default rule is suspicious. */
const LARGE_TOTAL = 100_000;

/** The default rule: stateless, and easy to replace by another function at `FRAUD_URL`. */
export function scoreOrder({ amount }: FraudRequest): FraudAnswer {
  return amount > LARGE_TOTAL ? { score: 0.9, reasons: ["LARGE_TOTAL"] } : { score: 0.1, reasons: [] };
}

/** Above the limit, not at it. */
export const isSuspected = ({ score }: FraudAnswer, limit: number): boolean => score > limit;
