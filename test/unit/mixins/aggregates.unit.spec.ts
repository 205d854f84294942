import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServiceBroker } from "moleculer";
import type { Order } from "../../../domain/order";
import { Aggregates, type Change } from "../../../mixins/persistence/aggregates";
import { openDatabase } from "../../../store";
import type { Database } from "../../../store/types";

let folder: string;
let database: Database;
let orders: Aggregates<Order>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hub-aggregates-"));
  database = await openDatabase({ dataDir: folder });
  const hub = { database, metrics: { watchOutbox: () => undefined }, tracing: null };
  const broker = { nodeID: "node-a", hub, getLogger: () => ({}) } as unknown as ServiceBroker;
  orders = new Aggregates<Order>(broker, "orders", { name: "orders" });
  await orders.adapter.connect();
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

test("given a new aggregate whose second change is the first to speak, then its outbox can be found", async () => {
  const cause = { id: "cause", correlationId: "trace" };
  const change = (messages: unknown[]) =>
    ({
      id: "o1",
      cause,
      decide: (order: Order | null) => ({ state: { ...order, _id: "o1" }, messages }),
    }) as unknown as Change<Order>;
  await orders.changeEach([change([]), change([{ event: "OrderPlaced", data: {} }])]);
  const found = await orders.adapter.find({ query: { outboxDueAt: { $gt: 0 } } });
  expect(found).toMatchObject([{ _id: "o1", outbox: [{}], outboxOwner: expect.any(String) }]);
});
