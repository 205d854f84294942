import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OrderView, Reconciliation } from "../support/client";
import { ADMIN, makePlace, type Place } from "../support/environment";
import { isOver, settled, VISA } from "../support/orders";
import { signIn, signUp } from "../support/people";
import { HubProcess, NODE } from "../support/process";
import { connectSocket } from "../support/socket";
import { waitFor } from "../support/wait";

/** DESIGN.md: exit 0 within 10 s. */
const STOP_MS = 10_000;

let place: Place;
let hub: HubProcess;

beforeEach(async () => {
  place = await makePlace();
});
afterEach(async () => {
  await hub?.end("SIGKILL");
  await place?.remove();
});

async function start(): Promise<void> {
  hub = await HubProcess.start(place.settings);
}

async function terminate(): Promise<void> {
  const began = Date.now();
  expect(await hub.end("SIGTERM")).toEqual({ code: 0, signal: null });
  expect(Date.now() - began).toBeLessThan(STOP_MS);
}

test("SIGTERM under load ends with 0, and loses nothing that was accepted", async () => {
  await start();
  const { client } = await signUp(hub.client);
  const socket = await connectSocket(client.url, { token: client.token });
  const accepted: string[] = [];
  const failures = new Set<number>();
  const shopping = Array.from({ length: 8 }, async () => {
    while (hub.running) {
      try {
        const { status, body } = await client.post<OrderView>("/api/orders", VISA);
        if (status === 202) accepted.push(body.id);
        else failures.add(status);
        if (status === 503) return;
      } catch {
        // A connection that is refused: the hub takes no new work.
        return;
      }
    }
  });
  await waitFor(() => accepted.length > 50);
  await terminate();
  await Promise.all(shopping);
  socket.close();
  expect([...failures].filter((status) => status !== 503)).toEqual([]);

  hub = await HubProcess.start(place.settings);
  const admin = (await signIn(hub.client, ADMIN)).client;
  const orders = await waitFor(
    async () => {
      if (!(await settled(admin))) return false;
      const all = await admin.all<OrderView>("/api/admin/orders");
      return all.every(isOver) && all;
    },
    { timeout: 20_000 },
  );
  const known = new Set(orders.map(({ id }) => id));
  expect(accepted.filter((id) => !known.has(id))).toEqual([]);
  expect(orders.every(({ status }) => status === "ACTIVE")).toBe(true);
  const { body } = await admin.get<Reconciliation>("/api/admin/payments/reconciliation");
  expect(body).toEqual({ orders: orders.length, charges: orders.length, refunds: 0, mismatches: [] });
});

test("SIGTERM while a charge is slow still ends in time, and the charge is made once", async () => {
  await start();
  const { client } = await signUp(hub.client);
  const { body: order } = await client.post<OrderView>("/api/orders", {
    ...VISA,
    paymentMethod: "pm_sim_timeout",
  });
  const { client: admin } = await signIn(hub.client, ADMIN);
  await waitFor(async () => (await admin.all(`/api/admin/payments?orderId=${order.id}`)).length === 1);
  await terminate();
  hub = await HubProcess.start(place.settings);
  const again = hub.client.as(client.token);
  await waitFor(
    async () => (await again.get<OrderView>(`/api/orders/${order.id}`)).body.status === "ACTIVE",
    { timeout: 20_000 },
  );
  const { body } = await hub.client.as(admin.token).get<Reconciliation>("/api/admin/payments/reconciliation");
  expect(body).toEqual({ orders: 1, charges: 1, refunds: 0, mismatches: [] });
});

test("an idle hub that gets SIGTERM, or SIGINT, ends at once", async () => {
  await start();
  await terminate();
  await start();
  expect(await hub.end("SIGINT")).toEqual({ code: 0, signal: null });
});

test("`npm start` that gets SIGTERM hands it on, and ends as its hub does", async () => {
  hub = await HubProcess.start(place.settings, ["npm", "start"]);
  const { client } = hub;
  await terminate();
  await expect(client.get("/health/live")).rejects.toThrow();
});

test("given a hub that is still loading, when it gets SIGTERM, then it ends with 0", async () => {
  const early = join(place.dataDir, "early.cjs");
  writeFileSync(
    early,
    `const Module = require("node:module");
     const load = Module._load;
     Module._load = function (name, ...rest) {
       if (name === "moleculer") process.kill(process.pid, "SIGTERM");
       return load.call(this, name, ...rest);
     };`,
  );
  hub = HubProcess.spawn(place.settings, [...NODE, "--require", early, "hub.ts"]);
  expect(await hub.ended()).toEqual({ code: 0, signal: null });
});

test("given a start that waits for its store, when it gets SIGTERM, then it ends with 0 and is not ready", async () => {
  hub = HubProcess.spawn({ ...place.settings, MONGO_URL: "mongodb://127.0.0.1:1/hub", LOG_LEVEL: "warn" });
  await waitFor(() => /mongo/i.test(hub.stdout + hub.stderr), { timeout: 20_000 });
  await terminate();
  expect(hub.stdout).not.toContain("ready");
});
