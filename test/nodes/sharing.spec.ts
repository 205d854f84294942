import { Client } from "../support/client";
import { audit } from "../support/ledger";
import { Mesh, PAIRS, type MeshNode } from "../support/mesh";
import { newPlan, place, placed } from "../support/orders";
import { signIn, signUp } from "../support/people";
import { connectSocket } from "../support/socket";
import { waitFor } from "../support/wait";
import { describeOnServers, NODES_TIMEOUT } from "./servers";

const PATIENCE = { timeout: 60_000 };
const WORKER = PAIRS["worker-1"] as string;

/** How many batches a node's consumers of a group have handled. */
async function handled(node: MeshNode, group: string): Promise<number> {
  const { body } = await node.health.get<string>("/metrics");
  return body
    .split("\n")
    .filter(
      (line) => line.startsWith("hub_handler_duration_seconds_count") && line.includes(`group="${group}"`),
    )
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** Places orders until `enough`; each is over before the next few. */
async function orderUntil(client: Client, enough: () => Promise<boolean>): Promise<string[]> {
  const ids: string[] = [];
  await waitFor(async () => {
    const orders = await Promise.all(Array.from({ length: 5 }, () => placed(client)));
    ids.push(...orders.map(({ id }) => id));
    return enough();
  }, PATIENCE);
  return ids;
}

describeOnServers("two gateways and two workers", () => {
  let mesh: Mesh;
  let admin: Client;

  beforeAll(async () => {
    mesh = await Mesh.start(PAIRS);
    admin = await mesh.admin();
  }, NODES_TIMEOUT);
  afterAll(() => mesh?.stop(), NODES_TIMEOUT);

  test(
    "a token that one node signed holds on every gateway",
    async () => {
      const { client } = await signUp(mesh.guest);
      for (const { url } of mesh.gateways) {
        const { status } = await new Client(url, client.token).get("/api/auth/me");
        expect(status).toBe(200);
      }
    },
    NODES_TIMEOUT,
  );

  test(
    "a gateway knows what the services on other nodes still have to do",
    async () => {
      const { body } = await admin.get<{ lag: object }>("/api/admin/stats");
      const services = ["audit", "inventory", "notifications", "orders", "payments"];
      expect(Object.keys(body.lag).sort()).toEqual(services);
    },
    NODES_TIMEOUT,
  );

  test(
    "a user's notifications reach the sockets on whichever gateway they are, each once",
    async () => {
      const { client } = await signUp(mesh.guest);
      const sockets = await Promise.all(
        mesh.gateways.map(({ url }) => connectSocket(url, { token: client.token })),
      );
      for (const { url } of mesh.gateways) {
        const { id } = await place(new Client(url, client.token));
        for (const socket of sockets) {
          const types = () => socket.told.filter(({ orderId }) => orderId === id).map(({ type }) => type);
          await waitFor(() => types().includes("SubscriptionActivated"), PATIENCE);
          expect(types().sort()).toEqual(["PaymentProcessed", "SubscriptionActivated"]);
        }
      }
      for (const socket of sockets) socket.close();
    },
    NODES_TIMEOUT,
  );

  test(
    "workers share the work, and one that is added takes its share",
    async () => {
      const { client } = await signUp(mesh.guest);
      const groups = ["payments", "orders", "audit"];
      const share = (name: string) => async () => {
        const counts = await Promise.all(groups.map((group) => handled(mesh.node(name), group)));
        return counts.every((count) => count > 0);
      };
      const first = await orderUntil(
        client,
        async () => (await share("worker-1")()) && (await share("worker-2")()),
      );
      await mesh.add("worker-3", WORKER);
      const then = await orderUntil(client, share("worker-3"));

      const ids = [...first, ...then];
      let found = await audit(admin, ids, []);
      await waitFor(async () => (found = await audit(admin, ids, [])).lost.length === 0, PATIENCE);
      expect(found).toMatchObject({ lost: [], charges: [], seats: [] });
    },
    NODES_TIMEOUT,
  );

  test(
    "when the simulator's switch has been moved, every worker goes by it",
    async () => {
      const modes = async () => {
        const answers = Array.from({ length: 6 }, () => admin.get<{ mode: string }>("/api/admin/simulator"));
        return (await Promise.all(answers)).map(({ body }) => body.mode);
      };
      for (const mode of ["outage", "normal", "broken", "normal"]) {
        await modes();
        await admin.put("/api/admin/simulator", { mode });
        expect(await modes()).toEqual(Array(6).fill(mode));
      }
    },
    NODES_TIMEOUT,
  );

  test(
    "seats of one plan are never sold twice by two nodes",
    async () => {
      const plan = await newPlan(admin, { seats: 5 });
      const { client } = await signUp(mesh.guest);
      const orders = await Promise.all(
        Array.from({ length: 12 }, (_, i) => {
          const { url } = mesh.gateways[i % 2] as MeshNode;
          return placed(new Client(url, client.token), { planId: plan, paymentMethod: "pm_card_visa" });
        }),
      );
      expect(orders.filter(({ status }) => status === "ACTIVE")).toHaveLength(5);
      expect(orders.filter(({ status, refund }) => status === "CANCELLED" && refund === "done")).toHaveLength(
        7,
      );
    },
    NODES_TIMEOUT,
  );

  test(
    "a demoted administrator loses tokens and sockets on every gateway within five seconds",
    async () => {
      const somebody = await signUp(mesh.guest);
      await admin.patch(`/api/admin/users/${somebody.id}`, { role: "admin" });
      const { client } = await signIn(mesh.guest, somebody);
      const sockets = await Promise.all(
        mesh.gateways.map(({ url }) => connectSocket(url, { token: client.token })),
      );
      await waitFor(async () => (await client.get("/api/admin/users")).status === 200);

      const { status } = await admin.patch(`/api/admin/users/${somebody.id}`, { role: "user" });
      expect(status).toBe(200);
      const refusedEverywhere = async () => {
        const answers = await Promise.all(
          mesh.gateways.map(({ url }) => new Client(url, client.token).get("/api/auth/me")),
        );
        return answers.every((answer) => answer.status === 401);
      };
      await waitFor(refusedEverywhere, { timeout: 5_000 });
      await waitFor(() => sockets.every(({ ended }) => ended), { timeout: 5_000 });
      expect(sockets.map(({ closing }) => closing)).toEqual([
        [{ code: "TOKEN_REVOKED" }],
        [{ code: "TOKEN_REVOKED" }],
      ]);
    },
    NODES_TIMEOUT,
  );
});

describeOnServers("two nodes that sign people in", () => {
  let mesh: Mesh;

  beforeAll(async () => {
    const all = "api,auth,plans,orders,fraud,payments,inventory,notifications,audit";
    mesh = await Mesh.start({ one: all, two: "api,auth" }, { LOGIN_RATE_LIMIT: "10" });
  }, NODES_TIMEOUT);
  afterAll(() => mesh?.stop(), NODES_TIMEOUT);

  test(
    "count failed logins together",
    async () => {
      const [one = "", two = ""] = mesh.gateways.map(({ url }) => url);
      const { email, password } = await signUp(new Client(one));
      const login = async (url: string, secret: string) =>
        (await new Client(url).post("/api/auth/login", { email, password: secret })).status;
      for (let i = 0; i < 5; i++)
        for (const url of [one, two]) expect(await login(url, "wrong password")).toBe(401);
      for (const url of [one, two]) expect(await login(url, password)).toBe(429);
    },
    NODES_TIMEOUT,
  );
});
