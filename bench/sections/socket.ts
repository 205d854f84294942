import { Agent, request } from "node:http";
import { io, type Socket } from "socket.io-client";
import { ORDER, startHub, type BenchHub } from "../lib/hub";
import { ms, percentile, perSecond } from "../lib/stats";
import { completedPerSecond } from "./complete";
import type { Options, Report } from "./section";

const USERS = 20;
/** Milliseconds between two handfuls of orders. */
const TICK_MS = 10;
const LAST_WAIT_MS = 10_000;

interface Notice {
  type: string;
  orderId: string;
}
type Times = Map<string, number>;

/** From the request to what the browser is told, at half of the rate that the hub can complete. */
export async function socket({ connections, orders, seconds }: Options): Promise<Report> {
  const hub = await startHub();
  const { active: saturated } = await completedPerSecond(hub, connections, orders);
  const rate = saturated / 2;
  const { placed, paid, active } = await follow(hub, rate, seconds * 2);
  await hub.stop("SIGKILL");
  const waits = (told: Times): number[] =>
    [...placed].flatMap(([id, from]) => {
      const at = told.get(id);
      return at === undefined ? [] : [at - from];
    });
  const row = (name: string, told: Times): string[] => [
    name,
    `${told.size} of ${placed.size}`,
    ms(percentile(waits(told), 0.5)),
    ms(percentile(waits(told), 0.99)),
  ];
  return {
    title: `socket: order to notification at ${perSecond(rate)}, half of what the hub completes, ${USERS} users`,
    rows: [
      ["", "notifications", "p50", "p99"],
      row("payment received", paid),
      row("subscription active", active),
    ],
    notes: [],
  };
}

/** Places orders at an even rate, whatever the hub does, and notes when each of them is told. */
async function follow(hub: BenchHub, rate: number, seconds: number) {
  const placed: Times = new Map();
  const paid: Times = new Map();
  const active: Times = new Map();
  const tokens = await Promise.all(Array.from({ length: USERS }, () => hub.user()));
  const sockets = await Promise.all(
    tokens.map((token) =>
      listen(hub.url, token, ({ type, orderId }) => {
        if (type === "PaymentProcessed") paid.set(orderId, performance.now());
        if (type === "SubscriptionActivated") active.set(orderId, performance.now());
      }),
    ),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const from = performance.now();
  const under: Promise<void>[] = [];
  for (let sent = 0; performance.now() - from < seconds * 1_000;) {
    for (const due = ((performance.now() - from) / 1_000) * rate; sent < due; sent++) {
      const at = performance.now();
      const token = tokens[sent % tokens.length] as string;
      under.push(place(hub.url, token, agent).then((id) => void placed.set(id, at)));
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(under);
  const deadline = performance.now() + LAST_WAIT_MS;
  while (active.size < placed.size && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  for (const open of sockets) open.disconnect();
  agent.destroy();
  return { placed, paid, active };
}

function listen(url: string, token: string, tell: (notice: Notice) => void): Promise<Socket> {
  const open = io(url, { auth: { token }, transports: ["websocket"], reconnection: false });
  open.on("notification", tell);
  return new Promise((resolve, reject) => {
    open.once("connect", () => resolve(open));
    open.once("connect_error", reject);
  });
}

/** Places one order; its id. */
function place(url: string, token: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const call = request(`${url}/api/orders`, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () =>
        response.statusCode === 202
          ? resolve((JSON.parse(text) as { id: string }).id)
          : reject(new Error(`${response.statusCode}: ${text}`)),
      );
    });
    call.on("error", reject);
    call.end(JSON.stringify(ORDER));
  });
}
