import type { BookEntry, ChargeOutcome, RefundOutcome } from "../domain/payment";

export interface ChargeRequest {
  /** The order's id: the provider does one key once, however often it is asked. */
  idempotencyKey: string;
  amount: number;
  currency: string;
  paymentMethod: string;
}

/**
 * Who moves the money. Both calls are idempotent by key, and after a `refund` the key can never be charged.
 * @throws TransientError when trying again can help, PermanentError when it cannot
 */
export interface PaymentProvider {
  charge(request: ChargeRequest): Promise<ChargeOutcome>;
  /** Gives a charge back, or sees to it that it is never made. */
  refund(request: Omit<ChargeRequest, "paymentMethod">): Promise<RefundOutcome>;
  /** The provider's whole record, page by page, for reconciliation. */
  ledger(): AsyncIterable<BookEntry[]>;
  /** The record of some keys. */
  entries(keys: string[]): Promise<BookEntry[]>;
}
