import type { Client } from "../support/client";
import { audit, CLEAN, isClean, openOrders, type Findings } from "../support/ledger";
import { Mesh, PAIRS } from "../support/mesh";
import { newPlan } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { Shop } from "../support/shop";
import { waitFor } from "../support/wait";
import { describeOnServers, NODES_TIMEOUT } from "./servers";

/** The saga asks again after 20 s. */
const PATIENCE = { timeout: 120_000 };

describeOnServers("nodes that end while orders flow", () => {
  let mesh: Mesh;
  let admin: Client;
  let people: Person[];
  let shop: Shop;

  beforeAll(async () => {
    mesh = await Mesh.start(PAIRS);
    admin = await mesh.admin();
    people = await Promise.all([signUp(mesh.guest), signUp(mesh.guest)]);
    const limited = await newPlan(admin, { seats: 20 });
    const bodies = [
      { planId: "basic", paymentMethod: "pm_card_visa" },
      { planId: limited, paymentMethod: "pm_card_visa" },
      { planId: "pro", paymentMethod: "pm_card_chargeDeclined" },
    ];
    let turn = 0;
    const customers = people.map(({ client }) => client);
    shop = new Shop(customers, () => ({
      body: bodies[turn++ % 3] as (typeof bodies)[0],
      cancel: turn % 7 === 0,
    }));
  }, NODES_TIMEOUT);
  afterAll(() => mesh?.stop(), NODES_TIMEOUT);

  const accepted = (more: number): Promise<boolean> => {
    const enough = shop.accepted.length + more;
    return waitFor(() => shop.accepted.length >= enough, PATIENCE);
  };

  /** Closes the shop; what the books are like when all has come to rest. */
  async function atRest(): Promise<Findings> {
    await shop.close();
    await waitFor(async () => (await openOrders(admin, shop.accepted)).length === 0, PATIENCE);
    const look = () =>
      audit(
        admin,
        shop.accepted,
        people.map(({ client }) => client),
      );
    let found = await look();
    await waitFor(async () => isClean((found = await look())), { timeout: 60_000 }).catch(() => undefined);
    return found;
  }

  test(
    "a worker killed with -9 in mid-flight loses nothing, and its work goes on elsewhere",
    async () => {
      shop.start(4);
      await accepted(20);
      await mesh.node("worker-1").end("SIGKILL");
      await accepted(20);
      // It stays away: worker-2 alone ends what worker-1 has left.
      expect(await atRest()).toMatchObject(CLEAN);
      await mesh.node("worker-1").start();
    },
    2 * NODES_TIMEOUT,
  );

  test(
    "a gateway killed with -9 costs its clients no more than the way to the other one",
    async () => {
      shop.refused.length = 0;
      shop.start(4);
      await accepted(10);
      await mesh.node("gateway-1").end("SIGKILL");
      await accepted(20);
      const found = await atRest();
      await mesh.node("gateway-1").start();
      expect(shop.refused).toEqual([]);
      expect(found).toMatchObject(CLEAN);
    },
    2 * NODES_TIMEOUT,
  );

  test(
    "a rolling restart under load gives no client a 5xx",
    async () => {
      shop.refused.length = 0;
      shop.start(4);
      await accepted(10);
      for (const name of ["gateway-1", "worker-1", "gateway-2", "worker-2"]) {
        const exit = await mesh.node(name).end("SIGTERM");
        expect({ name, ...exit }).toEqual({ name, code: 0, signal: null });
        await accepted(10);
        await mesh.node(name).start();
      }
      const found = await atRest();
      expect(shop.refused).toEqual([]);
      expect(found).toMatchObject(CLEAN);
    },
    3 * NODES_TIMEOUT,
  );
});
