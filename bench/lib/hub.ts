import { generateKeyPairSync, randomUUID } from "node:crypto";
import { HubClient } from "../../scripts/demo/client";
import { start, temporaryFolder, type Child } from "./child";

/** Of every hub that the bench starts. */
export const ADMIN = { email: "admin@hub.local", password: randomUUID() };

/** One key for the hub and for the bare server: the same token holds on both. */
export const PRIVATE_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

/** An order as the bench places it: one line, paid at once. */
export const ORDER = { items: [{ planId: "basic", quantity: 1 }], paymentMethod: "pm_card_visa" };

/** What is left to do; see `drained`. */
interface Stats {
  orders: Record<string, number>;
  lag: Record<string, number>;
}

/** A hub that the bench has started. */
export interface BenchHub {
  url: string;
  pid: number;
  /** Milliseconds from the start of the process to its line "ready". */
  readyAfter: number;
  admin: HubClient;
  /** A new user's access token. */
  user(): Promise<string>;
  stats(): Promise<Stats>;
  stop: Child["stop"];
}

/** As `npm start` has it: room for a request's garbage to die young. */
const YOUNG = ["--max-semi-space-size=32"];

/**
 * Starts a hub on an empty store, unless `own` variables name another one. The variables that decide between
 * the embedded default and real servers are passed on.
 */
export async function startHub(node: string[] = [], own: Record<string, string> = {}): Promise<BenchHub> {
  const from = performance.now();
  const child = await start("hub.ts", /ready: (http:\S+)/, {
    node: [...YOUNG, ...node],
    env: {
      PORT: "0",
      DATA_DIR: temporaryFolder(),
      ...(process.env.MONGO_URL && { MONGO_URL: freshDatabase(process.env.MONGO_URL) }),
      RATE_LIMIT: "off",
      LOG_LEVEL: "error",
      ADMIN_PASSWORD: ADMIN.password,
      ADMIN_EMAIL: ADMIN.email,
      JWT_PRIVATE_KEY: PRIVATE_KEY,
      ...own,
    },
  });
  const readyAfter = performance.now() - from;
  const url = (child.found[1] as string).replace("localhost", "127.0.0.1");
  const hub = new HubClient(url);
  const { body } = await hub.ok(hub.post<{ accessToken: string }>("/api/auth/login", ADMIN));
  const admin = hub.as(body.accessToken);
  return {
    url,
    pid: child.pid,
    readyAfter,
    admin,
    stop: child.stop,
    async user() {
      const user = { email: `${randomUUID()}@example.com`, password: randomUUID() };
      const answer = await hub.ok(hub.post<{ accessToken: string }>("/api/auth/register", user));
      return answer.body.accessToken;
    },
    stats: async () => (await admin.ok(admin.get<Stats>("/api/admin/stats"))).body,
  };
}

/** Each hub begins with an empty database on the same server. */
export function freshDatabase(url: string): string {
  const fresh = new URL(url);
  fresh.pathname = `/bench-${randomUUID().slice(0, 8)}`;
  return fresh.toString();
}

/** Waits until no order is on its way; how many milliseconds that took. */
export async function settled(hub: BenchHub, timeout = 180_000): Promise<number> {
  const from = performance.now();
  for (const status of ["PENDING", "PAID"]) {
    while ((await first(hub, status)) && performance.now() - from < timeout) await pause(25);
  }
  if (await first(hub, "PENDING")) throw new Error("The orders have not ended in time.");
  return performance.now() - from;
}

/** Waits until all is notified and audited too; how many milliseconds that took. */
export async function drained(hub: BenchHub): Promise<number> {
  const from = performance.now();
  await settled(hub);
  while (Object.values((await hub.stats()).lag).some((n) => n > 0)) await pause(100);
  return performance.now() - from;
}

/** An index has the answer: the look itself must cost nothing. */
const first = async ({ admin }: BenchHub, status: string): Promise<boolean> =>
  (await admin.ok(admin.get<{ items: unknown[] }>(`/api/admin/orders?status=${status}&limit=1`))).body.items
    .length > 0;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
