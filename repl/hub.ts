import type { ServiceBroker } from "moleculer";
import { SERVICE_NAMES } from "../config";
import type { OrderStatus } from "../contracts/events";
import type { Money } from "../contracts/money";
import { formatMoney } from "../domain/money";
import type { Timeline } from "../domain/timeline";
import { readiness } from "../mixins/http/health";
import {
  ask,
  count,
  duration,
  helpText,
  oneOf,
  printing,
  since,
  usageText,
  type Draw,
  type ReplCommand,
  type Subcommand,
  type Usage,
} from "./command";
import { treeOf } from "./journey";

interface Stats {
  orders: Record<string, number>;
  revenue: Money[];
  outbox: { pending: number; oldestSeconds: number };
  stuck: number;
  deadLetters: number;
  /** By consumer group, over the whole mesh. */
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
interface StuckOrder extends OrderRow {
  owes: string;
  /** ISO 8601. */
  waitingSince: string;
  asked: number;
  deadLetter: { id: string; status: string; reason: string } | null;
}
interface NodeInfo {
  id: string;
  available: boolean;
  services?: { name: string }[];
}

const LIMIT = 20;
const USAGE: Usage = [
  ["hub status", "nodes, orders by status, and what to look after"],
  ["hub orders [--stuck] [--status S] [--limit N]", "the newest first; --stuck: those that wait too long"],
  ["hub trace <orderId>", "the journey of one order, step by step"],
  ["hub nudge <orderId>", "ask again for the step that it waits for"],
];

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
    "Lag of the consumer groups",
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
    const query = { limit: String(limit) };
    const { items } = await ask<{ items: StuckOrder[] }>(broker, "orders.stuck", { query });
    const table = draw(
      ["order", "status", "waits for", "since", "asked again", "its dead letter"],
      items.map(({ id, status, owes, waitingSince, asked, deadLetter }) => [
        id,
        status,
        owes,
        since(waitingSince),
        asked,
        deadLetter ? `${deadLetter.id} ${deadLetter.reason} (${deadLetter.status})` : "",
      ]),
    );
    return items.length > 0 ? `${table}Ask again for one: hub nudge <orderId>` : table;
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
      formatMoney(total),
      since(createdAt),
    ]),
  );
};

const trace: Subcommand = async (broker, { order: id }) => {
  if (!id) return usageText(USAGE);
  const params = { params: { id: String(id) } };
  const [order, timeline] = await Promise.all([
    ask<OrderRow>(broker, "orders.adminGet", params),
    ask<Timeline>(broker, "orders.timeline", params),
  ]);
  const head = `Order ${order.id}: ${order.status}, ${formatMoney(order.total)}, of ${order.userId}`;
  return [head, `correlation ${timeline.correlationId}`, "", ...treeOf(timeline.entries)].join("\n");
};

const nudge: Subcommand = async (broker, { order: id }) => {
  if (!id) return usageText(USAGE);
  const order = await ask<OrderRow>(broker, "orders.nudge", { params: { id: String(id) } });
  return `Order ${order.id} (${order.status}): its step is asked for again. See: hub trace ${order.id}`;
};

/** The hub as a whole, its orders, and the journey of one. */
export const hub: ReplCommand = {
  command: "hub [what] [order]",
  description: helpText("The hub as a whole, its orders, and the journey of one.", USAGE),
  options: [
    { option: "--stuck", description: "orders that wait longer than a step may take" },
    { option: "--status <status>", description: "orders of one status, such as PENDING" },
    { option: "--limit <n>", description: `how many, ${LIMIT} by default` },
  ],
  action: printing(oneOf({ status, orders, trace, nudge }, USAGE)),
};
