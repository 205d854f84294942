import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { loadConfig } from "../../config";
import { startNode } from "../../node";
import { HubClient } from "../../scripts/demo/client";
import type { Document, StoreAdapter } from "../../store/types";
import { copier } from "./copies";
import { ORDER } from "./hub";

/** What an order leaves behind, beside its events: those have a section of their own. */
const COLLECTIONS = ["orders", "payments", "provider_ledger", "reservations", "notifications"];
const BATCH = 1_000;

/** Fills a store with so many orders that are done, copies of one that a hub has completed: `fill.child.ts ORDERS`. */
async function main([count = "0"]: string[]): Promise<void> {
  const total = Number(count);
  const node = await startNode(loadConfig({ ...process.env, PORT: "0", LOG_LEVEL: "error" }));
  const { broker } = node;
  const { server } = broker.getLocalService("api") as unknown as { server: Server };
  const hub = new HubClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const person = { email: `${randomUUID()}@example.com`, password: randomUUID() };
  const { body } = await hub.ok(hub.post<{ accessToken: string }>("/api/auth/register", person));
  await hub.as(body.accessToken).post("/api/orders", ORDER);

  const adapters = COLLECTIONS.map((name) => broker.hub.database.adapter<Document>({ name }));
  const originals = await completed(adapters);
  const copy = copier(originals.flat(), total);
  let batches = adapters.map((): Document[] => []);
  for (let n = 1; n <= total; n++) {
    const copies = copy(n) as Document[];
    originals.forEach(({ length }, i) => batches[i]?.push(...copies.splice(0, length)));
    if (n % BATCH !== 0 && n < total) continue;
    await Promise.all(adapters.map((adapter, i) => adapter.insertEach(batches[i] ?? [])));
    batches = adapters.map(() => []);
  }
  await node.stop();
}

/** All documents of the only order, once it is active, its user was told twice, and nothing is left to be sent. */
async function completed(adapters: StoreAdapter[]): Promise<Document[][]> {
  for (;;) {
    const found = await Promise.all(adapters.map((adapter) => adapter.find()));
    const [order] = found[0] as (Document & { status: string })[];
    const told = found.at(-1)?.length;
    const unsent = found.flat().some((document) => "outboxDueAt" in document);
    if (order?.status === "ACTIVE" && told === 2 && !unsent) return found;
    await pause(100);
  }
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
