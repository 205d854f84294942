import { api, ApiError } from "../api.js";
import { live } from "../socket.js";

const ENDED = new Set(["PAYMENT_FAILED", "REJECTED", "CANCELLED"]);
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8_000;

export const canCancel = ({ status }) => !ENDED.has(status);

/**
 * Whether nothing more will happen to an order by itself. That a cancelled one may still hold seats is told only by
 * the entries of its timeline.
 */
export const isSettled = ({ status, refund }, entries = []) =>
  status === "CANCELLED"
    ? refund !== "pending" && !mayHoldSeats(entries)
    : status === "ACTIVE" || ENDED.has(status);

const mayHoldSeats = (entries) => {
  const has = (...events) => entries.some(({ type }) => events.includes(type));
  return (
    has("PaymentProcessed", "PaymentRefunded", "InventoryReserved") &&
    !has("InventoryReleased", "ProductOutOfStock")
  );
};

/** Whether an order comes after another one in the lists. Ids alone don't tell: not all are made of the time. */
export const isOlder = (order, other) =>
  order.createdAt === other.createdAt ? order.id < other.id : order.createdAt < other.createdAt;

/** "Team × 3". */
export const lineText = (item, names) => `${names.get(item.planId) ?? item.planId} × ${item.quantity}`;

/**
 * Tells `seen(order)` of each new version of an order until `isOver(order)`: at once when a notification of
 * it arrives, and by asking, at first often and then ever more slowly.
 */
export function watchOrder(id, seen, { signal, path = "/api/orders", isOver = (order) => isSettled(order) }) {
  let version = -1;
  let wait = FIRST_WAIT_MS;
  let timer = 0;
  let run = 0;

  async function look() {
    clearTimeout(timer);
    const mine = ++run;
    const isOld = () => signal.aborted || mine !== run;
    try {
      const order = await api.get(`${path}/${id}`, { signal });
      if (isOld()) return;
      if (order.version !== version) {
        version = order.version;
        wait = FIRST_WAIT_MS;
        seen(order);
      }
      if (isOver(order)) return;
    } catch (error) {
      if (isOld() || (error instanceof ApiError && error.status === 404)) return;
      wait = Math.max(wait, (error.retryAfter ?? 2) * 1_000);
    }
    timer = setTimeout(look, wait);
    wait = Math.min(wait * 1.5, LONGEST_WAIT_MS);
  }

  live.addEventListener("notification", (event) => event.detail.orderId === id && look(), { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  void look();
}

/** An Idempotency-Key. Not `randomUUID`: browsers keep that one for https and localhost. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
