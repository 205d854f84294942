import { PermanentError, TransientError } from "../contracts/errors";
import type { BookEntry, ChargeOutcome, RefundOutcome } from "../domain/payment";
import type { Document, StoreAdapter } from "../store/types";
import type { ChargeRequest, PaymentProvider } from "./types";

/** Which of Stripe's PaymentIntents belongs to an order: their idempotency keys live for a day only. */
export interface Intent extends Document {
  intentId: string;
}

interface PaymentIntent {
  id: string;
  status: string;
  amount: number;
  metadata: { orderId?: string };
  latest_charge?: { refunded?: boolean } | string | null;
}

interface StripeError {
  error?: { type?: string; code?: string; decline_code?: string; message?: string };
}

const TIMEOUT_MS = 10_000;
const PAGE = "100";

/**
 * Stripe by its REST API (https://docs.stripe.com/api/payment_intents). An order has one PaymentIntent,
 * made under the order's idempotency key before it is confirmed: so it can be charged or cancelled, never both.
 * Each call looks at the PaymentIntent first, because one that was given up on may have come through.
 */
export class StripeProvider implements PaymentProvider {
  constructor(
    private readonly intents: StoreAdapter<Intent>,
    private readonly secretKey: string,
    private readonly url: string,
  ) {}

  async charge(request: ChargeRequest): Promise<ChargeOutcome> {
    const intent = await this.intent(request);
    if (intent.status === "canceled") return { result: "voided" };
    if (intent.status === "succeeded") return { result: "succeeded" };
    if (intent.status === "processing") return { result: "unknown" };
    const confirmed = await this.call("POST", `payment_intents/${intent.id}/confirm`, {
      payment_method: request.paymentMethod,
    });
    if ("declined" in confirmed) return { result: "declined", reason: confirmed.declined };
    const { status } = confirmed as PaymentIntent;
    if (status === "succeeded") return { result: "succeeded" };
    if (status === "processing") return { result: "unknown" };
    return { result: "declined", reason: status === "requires_action" ? "authentication_required" : status };
  }

  async refund(request: Omit<ChargeRequest, "paymentMethod">): Promise<RefundOutcome> {
    const intent = await this.intent(request);
    if (intent.status === "canceled") return { result: "voided" };
    if (intent.status !== "succeeded") {
      await this.call("POST", `payment_intents/${intent.id}/cancel`, {});
      return { result: "voided" };
    }
    if (isRefunded(intent)) return { result: "refunded" };
    await this.call("POST", "refunds", { payment_intent: intent.id }, `refund:${request.idempotencyKey}`);
    return { result: "refunded" };
  }

  async *ledger(): AsyncIterable<BookEntry[]> {
    let after: string | undefined;
    for (;;) {
      const query = new URLSearchParams({ limit: PAGE, "expand[]": "data.latest_charge" });
      if (after) query.set("starting_after", after);
      const page = (await this.call("GET", `payment_intents?${query.toString()}`)) as unknown as {
        data: PaymentIntent[];
        has_more: boolean;
      };
      yield page.data.filter(({ metadata }) => metadata.orderId).map(entryOf);
      after = page.data.at(-1)?.id;
      if (!page.has_more || !after) return;
    }
  }

  async entries(keys: string[]): Promise<BookEntry[]> {
    const known = await this.intents.findByIds(keys);
    return Promise.all(known.map(async ({ intentId }) => entryOf(await this.get(intentId))));
  }

  /** The order's PaymentIntent, made when there is none. */
  private async intent({
    idempotencyKey,
    amount,
    currency,
  }: Omit<ChargeRequest, "paymentMethod">): Promise<PaymentIntent> {
    const known = await this.intents.findById(idempotencyKey);
    if (known) return this.get(known.intentId);
    const made = (await this.call(
      "POST",
      "payment_intents",
      {
        amount: String(amount),
        currency: currency.toLowerCase(),
        "metadata[orderId]": idempotencyKey,
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
      },
      `intent:${idempotencyKey}`,
    )) as PaymentIntent;
    await this.intents.insertEach([{ _id: idempotencyKey, intentId: made.id }]);
    return this.get(made.id);
  }

  private async get(id: string): Promise<PaymentIntent> {
    return (await this.call("GET", `payment_intents/${id}?expand[]=latest_charge`)) as PaymentIntent;
  }

  /** @throws TransientError when Stripe is away or busy, PermanentError when it refuses the call itself */
  private async call(
    method: string,
    path: string,
    form?: Record<string, string>,
    idempotencyKey?: string,
  ): Promise<PaymentIntent | { declined: string }> {
    const response = await fetch(`${this.url}/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.secretKey}`,
        ...(form && { "content-type": "application/x-www-form-urlencoded" }),
        ...(idempotencyKey && { "idempotency-key": idempotencyKey }),
      },
      ...(form && { body: new URLSearchParams(form).toString() }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: Error) => {
      throw new TransientError("PROVIDER_OUTAGE", `Stripe does not answer: ${error.message}`);
    });
    const body = (await response.json().catch(() => ({}))) as StripeError & PaymentIntent;
    if (response.ok) return body;
    const { type, code, decline_code: declineCode, message = "" } = body.error ?? {};
    if (type === "card_error") return { declined: declineCode ?? code ?? "card_declined" };
    if (response.status >= 500 || response.status === 429 || response.status === 409)
      throw new TransientError("PROVIDER_OUTAGE", `Stripe answered ${response.status}.`);
    // Another call, or Stripe itself, was faster: the next attempt sees what came of it.
    if (code?.endsWith("_unexpected_state"))
      throw new TransientError("OUTCOME_UNKNOWN", "The charge is in another state than a moment ago.");
    throw new PermanentError("PROVIDER_REFUSED", `Stripe refused the call (${response.status}): ${message}`);
  }
}

const isRefunded = ({ latest_charge: charge }: PaymentIntent): boolean =>
  typeof charge === "object" && charge?.refunded === true;

function entryOf(intent: PaymentIntent): BookEntry {
  const { metadata, status, amount } = intent;
  return { orderId: metadata.orderId ?? "", status: isRefunded(intent) ? "refunded" : status, amount };
}
