import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StripeProvider, type Intent } from "../../../providers/stripe";
import { openSqliteDatabase, type SqliteDatabase } from "../../../store/sqlite/database";

/** As much of Stripe as the provider uses: PaymentIntents with idempotency keys, confirm, cancel, refund. */
class FakeStripe {
  readonly intents = new Map<
    string,
    { id: string; status: string; amount: number; orderId: string; refunded: boolean }
  >();
  private readonly byKey = new Map<string, string>();
  failures = 0;
  /** What a confirmed charge becomes at first. */
  confirmed = "succeeded";
  /** A call that is still under way confirms each intent just before the next call does. */
  confirmsMeanwhile = false;
  private readonly server: Server = createServer((req, res) => {
    let text = "";
    req.on("data", (chunk: Buffer) => (text += String(chunk)));
    req.on("end", () => {
      const [status, body] = this.answer(
        `${req.method} ${req.url}`,
        new URLSearchParams(text),
        String(req.headers["idempotency-key"] ?? ""),
      );
      res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
  }

  private answer(call: string, form: URLSearchParams, key: string): [number, unknown] {
    if (this.failures-- > 0) return [500, { error: { type: "api_error" } }];
    const id = /payment_intents\/(pi_\d+)/.exec(call)?.[1] ?? "";
    const intent = this.intents.get(id);
    if (call.startsWith("POST /v1/payment_intents/") && intent) {
      if (this.confirmsMeanwhile) intent.status = this.confirmed;
      if (["processing", "succeeded", "canceled"].includes(intent.status))
        return [400, { error: { type: "invalid_request_error", code: "payment_intent_unexpected_state" } }];
      if (call.endsWith("/cancel")) intent.status = "canceled";
      else if (form.get("payment_method") === "pm_card_visa") intent.status = this.confirmed;
      else
        return [
          402,
          { error: { type: "card_error", code: "card_declined", decline_code: "generic_decline" } },
        ];
      return [200, this.view(intent)];
    }
    if (call === "POST /v1/payment_intents") {
      const known = this.byKey.get(key) ?? `pi_${this.intents.size + 1}`;
      if (!this.byKey.has(key)) {
        this.byKey.set(key, known);
        const orderId = form.get("metadata[orderId]") ?? "";
        this.intents.set(known, {
          id: known,
          status: "requires_payment_method",
          amount: Number(form.get("amount")),
          orderId,
          refunded: false,
        });
      }
      return [200, this.view(this.intents.get(known)!)];
    }
    if (call === "POST /v1/refunds") {
      const paid = this.intents.get(form.get("payment_intent") ?? "");
      if (paid?.refunded)
        return [400, { error: { type: "invalid_request_error", code: "charge_already_refunded" } }];
      if (paid) paid.refunded = true;
      return [200, {}];
    }
    if (intent) return [200, this.view(intent)];
    return [200, { data: [...this.intents.values()].map((i) => this.view(i)), has_more: false }];
  }

  private view({
    orderId,
    refunded,
    ...rest
  }: {
    id: string;
    status: string;
    amount: number;
    orderId: string;
    refunded: boolean;
  }) {
    return { ...rest, metadata: { orderId }, latest_charge: { refunded } };
  }
}

describe("the Stripe provider", () => {
  let stripe: FakeStripe;
  let database: SqliteDatabase;
  let folder: string;
  let provider: StripeProvider;
  const request = { idempotencyKey: "order-1", amount: 900, currency: "EUR", paymentMethod: "pm_card_visa" };

  beforeEach(async () => {
    stripe = new FakeStripe();
    folder = await mkdtemp(join(tmpdir(), "hub-stripe-"));
    database = openSqliteDatabase({ dataDir: folder });
    const intents = database.adapter<Intent>({ name: "stripe_intents" });
    await intents.connect();
    provider = new StripeProvider(intents, "sk_test_nothing", await stripe.start());
  });
  afterEach(async () => {
    stripe.stop();
    await database.close();
    await rm(folder, { recursive: true });
  });

  it("charges an order once, however often it is asked", async () => {
    expect(await provider.charge(request)).toEqual({ result: "succeeded" });
    expect(await provider.charge(request)).toEqual({ result: "succeeded" });
    expect(stripe.intents.size).toBe(1);
  });

  it("tells a decline with Stripe's code", async () => {
    expect(await provider.charge({ ...request, paymentMethod: "pm_card_chargeDeclined" })).toEqual({
      result: "declined",
      reason: "generic_decline",
    });
  });

  it("gives a charge back", async () => {
    await provider.charge(request);
    expect(await provider.refund(request)).toEqual({ result: "refunded" });
    expect(await provider.entries(["order-1"])).toEqual([
      { orderId: "order-1", status: "refunded", amount: 900 },
    ]);
  });

  it("never charges what was refunded before", async () => {
    expect(await provider.refund(request)).toEqual({ result: "voided" });
    expect(await provider.charge(request)).toEqual({ result: "voided" });
  });

  it("given a charge that is being processed, when it is asked again, then waits for its outcome", async () => {
    stripe.confirmed = "processing";
    expect(await provider.charge(request)).toEqual({ result: "unknown" });
    expect(await provider.charge(request)).toEqual({ result: "unknown" });
    stripe.intents.get("pi_1")!.status = "succeeded";
    expect(await provider.charge(request)).toEqual({ result: "succeeded" });
  });

  it("given a call that outlived its time, when it charges in that moment, then asks again and finds the charge", async () => {
    stripe.confirmsMeanwhile = true;
    await expect(provider.charge(request)).rejects.toMatchObject({ retryable: true });
    expect(await provider.charge(request)).toEqual({ result: "succeeded" });
  });

  it("given a charge that is being processed, when it is to be given back, then asks again and gives it back", async () => {
    stripe.confirmed = "processing";
    await provider.charge(request);
    await expect(provider.refund(request)).rejects.toMatchObject({ retryable: true });
    stripe.intents.get("pi_1")!.status = "succeeded";
    expect(await provider.refund(request)).toEqual({ result: "refunded" });
  });

  it("given a charge that was given back before, when it is asked again, then it is not refused", async () => {
    await provider.charge(request);
    await provider.refund(request);
    expect(await provider.refund(request)).toEqual({ result: "refunded" });
  });

  it("takes an outage for one that passes", async () => {
    stripe.failures = 1;
    await expect(provider.charge(request)).rejects.toMatchObject({
      code: "PROVIDER_OUTAGE",
      retryable: true,
    });
    expect(await provider.charge(request)).toEqual({ result: "succeeded" });
  });

  it("lists its ledger", async () => {
    await provider.charge(request);
    const pages = [];
    for await (const page of provider.ledger()) pages.push(...page);
    expect(pages).toEqual([{ orderId: "order-1", status: "succeeded", amount: 900 }]);
  });
});
