import type { ServiceBroker } from "moleculer";
import { SERVICE_NAMES } from "../config";
import type { OrderStatus } from "../contracts/events";
import type { Money } from "../contracts/money";
import type { Timeline, TimelineEntry } from "../domain/timeline";
import { readiness } from "../mixins/health";
import {
  ask,
  count,
  duration,
  oneOf,
  printing,
  since,
  type Draw,
  type ReplCommand,
  type Subcommand,
} from "./command";

interface Stats {
  orders: Record<string, number>;
  revenue: Money[];
  outbox: { pending: number; oldestSeconds: number };
  stuck: number;
  deadLetters: number;
  /** By consumer group, as the gateway that answers sees them. */
  lag: Record<string, number>;
}
interface OrderRow {
  id: string;
  userId: string;
  status: OrderStatus;
  total: Money;
  createdAt: string;
}
/** As `orders.stuck` gives it. */
interface StuckOrder extends Omit<OrderRow, "total"> {
  owes: string;
  /** ms since 1970. */
  waitingSince: number;
  asked: number;
}
interface NodeInfo {
  id: string;
  available: boolean;
  services?: { name: string }[];
}

const LIMIT = 20;
const USAGE = "hub status | hub orders [--stuck] [--status S] [--limit N] | hub trace <orderId>";

const money = ({ amount, currency }: Money): string => `${(amount / 100).toFixed(2)} ${currency}`;

const status: Subcommand = async (broker, _args, draw) => {
  const [ready, numbers] = await Promise.all([
    readiness(broker),
    ask<Stats>(broker, "api.stats").then(
      (stats) => statsOf(stats, draw),
      (error: Error) => `No numbers: ${error.message}`,
    ),
  ]);
  const { store, commands, events, transporter } = ready.checks;
  return [
    `This node, ${broker.nodeID}: ${ready.status}`,
    draw(["store", "commands", "events", "transporter"], [[store, commands, events, transporter]]),
    "Nodes",
    draw(["node", "state", "services"], nodesOf(broker).map(nodeRow)),
    missingLine(broker) + numbers,
  ].join("\n");
};

function statsOf({ orders, stuck, deadLetters, outbox, lag }: Stats, draw: Draw): string {
  const oldest = outbox.pending > 0 ? `oldest ${duration(outbox.oldestSeconds * 1_000)}: outbox` : "";
  return [
    "Orders by status",
    draw(["status", "orders"], Object.entries(orders)),
    "To look after",
    draw(
      ["what", "count", ""],
      [
        ["stuck orders", stuck, stuck > 0 ? "hub orders --stuck" : ""],
        ["dead letters", deadLetters, deadLetters > 0 ? "dlq list" : ""],
        ["orders with unsent messages", outbox.pending, oldest],
      ],
    ),
    "Lag of the consumer groups on the gateway's node",
    draw(["group", "messages"], Object.entries(lag)),
  ].join("\n");
}

function nodesOf(broker: ServiceBroker): NodeInfo[] {
  // Moleculer's types leave it out.
  const registry = broker.registry as unknown as { getNodeList(options: object): NodeInfo[] };
  return registry.getNodeList({ onlyAvailable: false, withServices: true });
}

function nodeRow({ id, available, services = [] }: NodeInfo): string[] {
  const own = services.map(({ name }) => name).filter((name) => !name.startsWith("$"));
  return [id, available ? "up" : "away", own.join(", ") || "(REPL)"];
}

function missingLine(broker: ServiceBroker): string {
  const up = nodesOf(broker).filter(({ available }) => available);
  const names = new Set(up.flatMap(({ services = [] }) => services.map(({ name }) => name)));
  const missing = SERVICE_NAMES.filter((name) => !names.has(name));
  return missing.length > 0 ? `Nobody runs ${missing.join(", ")}.\n` : "";
}

const orders: Subcommand = async (broker, { options }, draw) => {
  const limit = count(options.limit, LIMIT);
  if (options.stuck) {
    const stuck = await ask<StuckOrder[]>(broker, "orders.stuck", { limit });
    return draw(
      ["order", "user", "status", "waits for", "since", "asked again"],
      stuck.map(({ id, userId, status, owes, waitingSince, asked }) => [
        id,
        userId,
        status,
        owes,
        since(waitingSince),
        asked,
      ]),
    );
  }
  const wanted = options.status ? String(options.status).toUpperCase() : undefined;
  const query = { limit: String(limit), ...(wanted && { status: wanted }) };
  const { items } = await ask<{ items: OrderRow[] }>(broker, "orders.adminList", { query });
  return draw(
    ["order", "user", "status", "total", "age"],
    items.map(({ id, userId, status, total, createdAt }) => [
      id,
      userId,
      status,
      money(total),
      since(createdAt),
    ]),
  );
};

const trace: Subcommand = async (broker, { order: id }) => {
  if (!id) return `usage: ${USAGE}`;
  const params = { params: { id: String(id) } };
  const [order, timeline] = await Promise.all([
    ask<OrderRow>(broker, "orders.adminGet", params),
    ask<Timeline>(broker, "orders.timeline", params),
  ]);
  const head = `Order ${order.id}: ${order.status}, ${money(order.total)}, of ${order.userId}`;
  return [head, `correlation ${timeline.correlationId}`, "", ...treeOf(timeline.entries)].join("\n");
};

/** Each entry under the one that caused it; the time is since the first. */
function treeOf(entries: TimelineEntry[]): string[] {
  const first = Date.parse(entries[0]?.at ?? "");
  const known = new Set(entries.map(({ id }) => id));
  const children = new Map<string | null, TimelineEntry[]>();
  for (const entry of entries) {
    const cause = entry.causationId !== null && known.has(entry.causationId) ? entry.causationId : null;
    // A message that names itself as its cause would never be shown.
    const parent = cause === entry.id ? null : cause;
    children.set(parent, [...(children.get(parent) ?? []), entry]);
  }
  const lines: { text: string; entry: TimelineEntry }[] = [];
  const walk = (parent: string | null, indent: string): void => {
    const own = children.get(parent) ?? [];
    children.delete(parent);
    own.forEach((entry, i) => {
      const last = i === own.length - 1;
      const branch = parent === null ? "" : last ? "└─ " : "├─ ";
      lines.push({ text: `${indent}${branch}${entry.type}`, entry });
      walk(entry.id, parent === null ? "" : `${indent}${last ? "   " : "│  "}`);
    });
  };
  walk(null, "");
  const width = Math.max(0, ...lines.map(({ text }) => text.length));
  return lines.map(({ text, entry }) => {
    const after = `+${duration(Date.parse(entry.at) - first)}`.padStart(9);
    return `${after}  ${text.padEnd(width)}  ${entry.kind.padEnd(12)} ${entry.source}`;
  });
}

/** The hub as a whole, its orders, and the journey of one. */
export const hub: ReplCommand = {
  command: "hub <what> [order]",
  description: USAGE,
  options: [
    { option: "--stuck", description: "orders that wait longer than a step may take" },
    { option: "--status <status>", description: "orders of one status, such as PENDING" },
    { option: "--limit <n>", description: `how many, ${LIMIT} unless told` },
  ],
  action: printing(oneOf({ status, orders, trace }, USAGE)),
};
