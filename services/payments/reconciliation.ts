import { reconcile, type BookEntry, type Mismatch, type Payment } from "../../domain/payment";
import { othersFirst } from "../../mixins/others-first";
import type { PaymentProvider } from "../../providers/types";
import type { Query, StoreAdapter } from "../../store/types";

export interface Reconciled {
  charges: number;
  refunds: number;
  mismatches: Mismatch[];
}

const PAGE = 1_000;
/** A payment may be between the provider's word and our book when it is read: only what stays is a mismatch. */
const RECHECKS = 5;
const RECHECK_MS = 200;

/** The books against the provider's ledger, page by page. It is one run for all who ask while it goes on. */
export function reconciler(
  payments: Pick<StoreAdapter<Payment>, "find">,
  provider: Pick<PaymentProvider, "ledger" | "entries">,
  recheckMs = RECHECK_MS,
): () => Promise<Reconciled> {
  /** Some of the books: those of these orders, or a page of all. */
  async function books(query: Query): Promise<BookEntry[]> {
    const fields = ["status", "amount"];
    const found = await payments.find({ query, sort: "_id", limit: PAGE, fields });
    return found.map(({ _id: orderId, status, amount }) => ({ orderId, status, amount }));
  }

  async function run(): Promise<Reconciled> {
    const open = new Map<string, BookEntry>();
    let charges = 0;
    let refunds = 0;
    for (let after = ""; ;) {
      const page = await books({ _id: { $gt: after } });
      for (const entry of page) {
        open.set(entry.orderId, entry);
        if (entry.status === "refunded") refunds++;
        if (entry.status === "succeeded" || entry.status === "refunded") charges++;
      }
      await othersFirst();
      if (page.length < PAGE) break;
      after = page.at(-1)?.orderId ?? "";
    }

    // A provider gives its ledger in an order of its own, so the books wait in memory for their entries.
    let mismatches: Mismatch[] = [];
    for await (const page of provider.ledger()) {
      const ours = page.flatMap(({ orderId }) => open.get(orderId) ?? []);
      mismatches.push(...reconcile(ours, page));
      for (const { orderId } of page) open.delete(orderId);
      await othersFirst();
    }
    mismatches = mismatches.concat(reconcile([...open.values()], []));

    for (let round = 0; round < RECHECKS && mismatches.length > 0; round++) {
      await new Promise((resolve) => setTimeout(resolve, recheckMs));
      mismatches = await again(mismatches);
    }
    return { charges, refunds, mismatches };
  }

  /** Those that are mismatches still. */
  async function again(mismatches: Mismatch[]): Promise<Mismatch[]> {
    const found: Mismatch[] = [];
    for (let from = 0; from < mismatches.length; from += PAGE) {
      const ids = mismatches.slice(from, from + PAGE).map(({ orderId }) => orderId);
      const [ours, theirs] = await Promise.all([books({ _id: { $in: ids } }), provider.entries(ids)]);
      found.push(...reconcile(ours, theirs));
      await othersFirst();
    }
    return found;
  }

  let running: Promise<Reconciled> | null = null;
  return () => (running ??= run().finally(() => (running = null)));
}
