import { randomUUID } from "node:crypto";
import type { Client, OrderView } from "./client";

/** What is ordered, and whether its buyer cancels it at once. */
export interface Purchase {
  body: { planId: string; quantity?: number; paymentMethod: string };
  cancel?: boolean;
}

/** How one order was answered in the end. */
export interface Placed {
  status: number;
  id?: string;
}

/**
 * Customers who order one after the other, each `parallel` of them, for as long as the shop is open. Each
 * order carries an Idempotency-Key, so that a connection that broke is tried again.
 */
export class Shop {
  /** Ids of the orders that were answered with 202. */
  readonly accepted: string[] = [];
  /** Every answer that was a 5xx, and every request that no gateway took. */
  readonly refused: string[] = [];
  private open = false;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly customers: Client[],
    private readonly next: () => Purchase,
  ) {}

  start(parallel: number, paceMs = 0): void {
    this.open = true;
    this.running = Promise.all(Array.from({ length: parallel }, (_, i) => this.serve(i, paceMs)));
  }

  /** Resolves when the orders under way were answered. */
  async close(): Promise<void> {
    this.open = false;
    await this.running;
  }

  private async serve(counter: number, paceMs: number): Promise<void> {
    for (let turn = counter; this.open; turn++) {
      const customer = this.customers[turn % this.customers.length] as Client;
      await this.buy(customer, this.next());
      if (paceMs > 0) await pause(paceMs * (0.5 + Math.random()));
    }
  }

  /** Tries until the order was answered with something else than "not now", or the shop closes. */
  private async buy(customer: Client, { body, cancel }: Purchase): Promise<void> {
    const key = { "idempotency-key": randomUUID() };
    do {
      const answer = await customer.post<OrderView>("/api/orders", body, key).catch((e: Error) => e);
      if (answer instanceof Error) this.refused.push(String(answer.cause ?? answer.message));
      else if (answer.status >= 500) this.refused.push(`${answer.status} ${JSON.stringify(answer.body)}`);
      else if (answer.status === 202) {
        this.accepted.push(answer.body.id);
        if (cancel) await customer.post(`/api/orders/${answer.body.id}/cancel`).catch(() => undefined);
        return;
      } else throw new Error(`POST /api/orders: ${answer.status} ${JSON.stringify(answer.body)}`);
      await pause(200);
    } while (this.open);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
