/**
 * The timeline of an order as a picture's data, without any drawing: which lane and which column each entry
 * has, and which entry caused it. Time never runs backwards from left to right; entries share a column only
 * when they lie in different lanes and neither caused the other.
 */

const LANES = [
  { id: "you", name: "You" },
  { id: "orders", name: "Orders" },
  { id: "payments", name: "Payments" },
  { id: "inventory", name: "Inventory" },
  { id: "notifications", name: "Notifications" },
];
const BAD = new Set([
  "PaymentFailed",
  "OrderRejected",
  "OrderCancelled",
  "ProductOutOfStock",
  "NotificationFailed",
  "ErrorOccurred",
]);
const GOOD = new Set(["SubscriptionActivated", "PaymentProcessed", "InventoryReserved"]);
const MOVES_ORDERS = new Set(["api", "fraud", "orders"]);

/**
 * `{lanes, nodes, columns}` of a timeline's entries: a node is `{entry, lane, column, cause, tone, detail,
 * offset}`, with `cause` the node that caused it (or null) and `offset` in ms since the first entry.
 */
export function journeyOf(entries) {
  const lanes = [...LANES];
  const laneOf = (entry) => {
    const id = laneId(entry);
    const index = lanes.findIndex((lane) => lane.id === id);
    return index >= 0 ? index : lanes.push({ id, name: id.charAt(0).toUpperCase() + id.slice(1) }) - 1;
  };
  const start = Date.parse(entries[0]?.at);
  const byId = new Map();
  const lastInLane = new Map();
  let column = -1;
  const nodes = inCausalOrder(entries).map((entry) => {
    const lane = laneOf(entry);
    const cause = byId.get(entry.causationId) ?? null;
    column = Math.max(column, (cause?.column ?? -1) + 1, (lastInLane.get(lane) ?? -1) + 1, 0);
    const node = {
      entry,
      lane,
      column,
      cause,
      tone: toneOf(entry),
      detail: detailOf(entry),
      offset: Date.parse(entry.at) - start,
    };
    lastInLane.set(lane, column);
    byId.set(entry.id, node);
    return node;
  });
  return { lanes, nodes, columns: column + 1 };
}

function laneId({ kind, source }) {
  if (kind === "request") return "you";
  return MOVES_ORDERS.has(source) ? "orders" : source;
}

/** By time; within one instant a cause comes before its effects. */
function inCausalOrder(entries) {
  const left = [...entries].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const here = new Set(left.map((entry) => entry.id));
  const done = new Set();
  const order = [];
  while (left.length) {
    const ready = left.findIndex((entry) => done.has(entry.causationId) || !here.has(entry.causationId));
    const [next] = left.splice(Math.max(ready, 0), 1);
    done.add(next.id);
    order.push(next);
  }
  return order;
}

function toneOf({ type, data }) {
  if (BAD.has(type) || (type === "OrderUpdated" && BAD_STATUS.has(data?.status))) return "bad";
  return GOOD.has(type) || (type === "OrderUpdated" && data?.status === "ACTIVE") ? "good" : "";
}
const BAD_STATUS = new Set(["PAYMENT_FAILED", "REJECTED", "CANCELLED"]);

function detailOf({ type, kind, data }) {
  if (kind === "notification") return data?.type ?? "";
  if (type === "OrderUpdated") return data?.status ?? "";
  return data?.reason ?? "";
}

/** A node with all that led to it and all that came of it. */
export function relatives(node, nodes) {
  const found = new Set();
  for (let at = node; at; at = at.cause) found.add(at);
  // Nodes come in causal order, so one pass finds every descendant.
  const below = new Set([node]);
  for (const other of nodes) if (below.has(other.cause)) below.add(other);
  return new Set([...found, ...below]);
}
