import { generateKeyPairSync, randomUUID } from "node:crypto";
import { HubClient } from "../../scripts/demo/client";
import { start, temporaryFolder, type Child } from "./child";

const ADMIN = { email: "admin@hub.local", password: randomUUID() };

/** One key for the hub and for the bare server: the same token holds on both. */
export const PRIVATE_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

/** An order as the bench places it: one line, paid at once. */
export const ORDER = { items: [{ planId: "basic", quantity: 1 }], paymentMethod: "pm_card_visa" };

interface Stats {
  orders: Record<string, number>;
  lag: Record<string, number>;
}

/** A hub that the bench has started. */
export interface BenchHub {
  url: string;
  /** Milliseconds from the start of the process to its line "ready". */
  readyAfter: number;
  admin: HubClient;
  /** A new user's access token. */
  user(): Promise<string>;
  stats(): Promise<Stats>;
  stop: Child["stop"];
}

/** The variables that decide between the embedded default and real servers are passed on. */
export async function startHub(node: string[] = []): Promise<BenchHub> {
  const from = performance.now();
  const child = await start("hub.ts", /ready: (http:\S+)/, {
    node,
    env: {
      PORT: "0",
      DATA_DIR: temporaryFolder(),
      ...(process.env.MONGO_URL && { MONGO_URL: freshDatabase(process.env.MONGO_URL) }),
      RATE_LIMIT: "off",
      LOG_LEVEL: "error",
      ADMIN_PASSWORD: ADMIN.password,
      ADMIN_EMAIL: ADMIN.email,
      JWT_PRIVATE_KEY: PRIVATE_KEY,
    },
  });
  const readyAfter = performance.now() - from;
  const url = (child.found[1] as string).replace("localhost", "127.0.0.1");
  const hub = new HubClient(url);
  const { body } = await hub.ok(hub.post<{ accessToken: string }>("/api/auth/login", ADMIN));
  const admin = hub.as(body.accessToken);
  return {
    url,
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
function freshDatabase(url: string): string {
  const fresh = new URL(url);
  fresh.pathname = `/bench-${randomUUID().slice(0, 8)}`;
  return fresh.toString();
}

/** Waits until the hub has ended all it was given; how many milliseconds that took. */
export async function drained(hub: BenchHub, timeout = 180_000): Promise<number> {
  const from = performance.now();
  for (;;) {
    const { orders, lag } = await hub.stats();
    const waiting = (orders.PENDING ?? 0) + (orders.PAID ?? 0);
    if (waiting === 0 && Object.values(lag).every((n) => n === 0)) return performance.now() - from;
    if (performance.now() - from > timeout) throw new Error(`${waiting} orders have not ended in time.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
