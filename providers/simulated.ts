import type { SimulatorBody } from "../contracts/api";
import { PermanentError, TransientError } from "../contracts/errors";
import type { BookEntry, ChargeOutcome, RefundOutcome } from "../domain/payment";
import type { Document, StoreAdapter } from "../store/types";
import type { ChargeRequest, PaymentProvider } from "./types";

/** One line of the provider's own books; `_id` is the idempotency key. */
export interface LedgerEntry extends Document {
  amount: number;
  currency: string;
  status: "attempted" | "succeeded" | "declined" | "voided" | "refunded";
  reason?: string;
  /** Calls so far; for `pm_sim_flaky`. */
  calls: number;
  /** When (ms) the charge reached the provider. */
  at: number;
}

/** How long `pm_sim_timeout` keeps the caller waiting, and after how many failures `pm_sim_flaky` pays. */
const LATE_MS = 4_000;
const FLAKY_FAILURES = 2;
const PAGE = 1_000;
const DECLINES: Record<string, string> = {
  pm_card_chargeDeclined: "card_declined",
  pm_card_chargeDeclinedInsufficientFunds: "insufficient_funds",
};

/** A payment provider for development and tests, with a durable ledger, latency, outages and every test method. */
export class SimulatedProvider implements PaymentProvider {
  constructor(
    private readonly book: StoreAdapter<LedgerEntry>,
    private readonly settings: () => Promise<SimulatorBody>,
  ) {}

  async charge({
    idempotencyKey: _id,
    paymentMethod,
    amount,
    currency,
  }: ChargeRequest): Promise<ChargeOutcome> {
    const { latencyMs = 0 } = await this.reachable();
    const reason = DECLINES[paymentMethod];
    const flaky = paymentMethod === "pm_sim_flaky";
    const first: LedgerEntry = {
      _id,
      amount,
      currency,
      status: flaky ? "attempted" : reason ? "declined" : "succeeded",
      ...(reason && { reason }),
      calls: 1,
      at: Date.now(),
    };
    // The charge counts from the moment it arrives; only the answer is late.
    const [isFirst] = await this.book.insertEach([first]);
    let entry = isFirst ? first : await this.book.findById(_id);
    if (entry?.status === "attempted") {
      if (entry.calls <= FLAKY_FAILURES) {
        await this.book.updateEach([{ query: { _id, calls: entry.calls }, update: { $inc: { calls: 1 } } }]);
        throw new TransientError("PROVIDER_FLAKY", "The provider failed; it may work the next time.");
      }
      await this.book.updateEach([
        { query: { _id, status: "attempted" }, update: { $set: { status: "succeeded" } } },
      ]);
      entry = await this.book.findById(_id);
    }
    if (!entry) throw new TransientError("PROVIDER_FLAKY", "The provider lost the charge.");
    const answersAt = entry.at + Math.max(latencyMs, paymentMethod === "pm_sim_timeout" ? LATE_MS : 0);
    if (answersAt > Date.now())
      await new Promise((resolve) => setTimeout(resolve, answersAt - Date.now()).unref());
    switch (entry.status) {
      case "declined":
        return { result: "declined", reason: entry.reason ?? "card_declined" };
      case "voided":
        return { result: "voided" };
      default:
        return { result: "succeeded" };
    }
  }

  async refund({
    idempotencyKey: _id,
    amount,
    currency,
  }: Omit<ChargeRequest, "paymentMethod">): Promise<RefundOutcome> {
    await this.reachable();
    const never: LedgerEntry = { _id, amount, currency, status: "voided", calls: 0, at: Date.now() };
    const [stored] = await this.book.insertEach([never]);
    if (stored) return { result: "voided" };
    await this.book.updateEach([
      { query: { _id, status: "succeeded" }, update: { $set: { status: "refunded" } } },
      { query: { _id, status: "attempted" }, update: { $set: { status: "voided" } } },
    ]);
    const entry = await this.book.findById(_id);
    return { result: entry?.status === "refunded" ? "refunded" : "voided" };
  }

  async *ledger(): AsyncIterable<BookEntry[]> {
    let after = "";
    for (;;) {
      const page = await this.book.find({ query: { _id: { $gt: after } }, sort: "_id", limit: PAGE });
      if (page.length === 0) return;
      yield page.map(bookEntry);
      after = page.at(-1)?._id ?? "";
    }
  }

  async entries(keys: string[]): Promise<BookEntry[]> {
    return (await this.book.findByIds(keys)).map(bookEntry);
  }

  private async reachable(): Promise<SimulatorBody> {
    const settings = await this.settings();
    if (settings.mode === "outage")
      throw new TransientError("PROVIDER_OUTAGE", "The provider does not answer.");
    if (settings.mode === "broken")
      throw new PermanentError("PROVIDER_BROKEN", "The provider refuses every call.");
    return settings;
  }
}

const bookEntry = ({ _id: orderId, status, amount }: LedgerEntry): BookEntry => ({ orderId, status, amount });
