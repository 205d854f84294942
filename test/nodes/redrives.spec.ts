import type { Client, OrderView, Page, Stats } from "../support/client";
import { audit, CLEAN, isClean, type Findings } from "../support/ledger";
import { Mesh, PAIRS } from "../support/mesh";
import { place, settled } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { waitFor } from "../support/wait";
import { describeOnServers, NODES_TIMEOUT } from "./servers";

const ORDERS = 60;
/** A lease ends, groups find together again, the saga asks again. */
const PATIENCE = { timeout: 120_000 };

interface Redrive {
  id: string;
  status: string;
  total: number;
  redriven: number;
}

describeOnServers("a redrive of many, on several nodes", () => {
  let mesh: Mesh;
  let admin: Client;
  let customer: Person;

  beforeAll(async () => {
    mesh = await Mesh.start(PAIRS);
    admin = await mesh.admin();
    customer = await signUp(mesh.guest);
  }, NODES_TIMEOUT);
  afterAll(() => mesh?.stop(), NODES_TIMEOUT);

  const progress = async (id: string): Promise<Redrive> =>
    (await admin.get<Redrive>(`/api/admin/redrives/${id}`)).body;
  const sent = (id: string, some: number) =>
    waitFor(async () => (await progress(id)).redriven >= some, PATIENCE);
  const simulate = async (mode: string): Promise<void> => {
    const { status } = await admin.put("/api/admin/simulator", { mode });
    expect(status).toBe(200);
  };
  const openLetters = async () => (await admin.get<Stats>("/api/admin/stats")).body.deadLetters;

  test(
    "is gone on with when each of its nodes is killed in turn, and charges each order once",
    async () => {
      await simulate("broken");
      const orders = await Promise.all(Array.from({ length: ORDERS }, () => place(customer.client)));
      await waitFor(async () => (await openLetters()) >= ORDERS, PATIENCE);
      await simulate("normal");

      const { status, body } = await admin.post<Redrive>("/api/admin/redrives", { perSecond: 5 });
      expect([status, body.total]).toEqual([202, ORDERS]);
      await sent(body.id, 5);
      await mesh.node("worker-1").end("SIGKILL");
      await sent(body.id, 25);
      await mesh.node("worker-1").start();
      await mesh.node("worker-2").end("SIGKILL");

      const done = await waitFor(async () => {
        const now = await progress(body.id);
        return now.status === "done" && now;
      }, PATIENCE);
      expect(done).toMatchObject({ redriven: ORDERS, total: ORDERS });
      await waitFor(() => settled(admin), PATIENCE);
      const active = await admin.get<Page<OrderView>>("/api/admin/orders?status=ACTIVE&limit=200");
      expect(active.body.items).toHaveLength(ORDERS);

      const ids = orders.map(({ id }) => id);
      let found: Findings | undefined;
      await waitFor(
        async () => isClean((found = await audit(admin, ids, [customer.client]))),
        PATIENCE,
      ).catch(() => undefined);
      expect(found).toMatchObject(CLEAN);
    },
    3 * NODES_TIMEOUT,
  );
});
