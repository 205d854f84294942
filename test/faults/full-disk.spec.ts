import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OrderView, Problem, Reconciliation } from "../support/client";
import { ADMIN, EMBEDDED, makePlace, type Place } from "../support/environment";
import { isOver, settled, VISA } from "../support/orders";
import { signIn, signUp } from "../support/people";
import { HubProcess } from "../support/process";
import { waitFor } from "../support/wait";

/** Bytes. */
const DISK = 8 * 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "hub-disk-"));

/** A small disk of its own: only root may mount one, and not in every container. */
const mounted = ((): boolean => {
  if (!EMBEDDED || process.platform !== "linux") return false;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

let place: Place;
let hub: HubProcess;

beforeAll(async () => {
  place = await makePlace({ DATA_DIR: join(folder, "data") });
});
afterAll(async () => {
  await hub?.end("SIGKILL");
  if (mounted) execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true, force: true });
  await place.remove();
});

(mounted ? test : test.skip)(
  "on a full disk orders are refused with a 503, none that was accepted is lost, and room makes it well again",
  async () => {
    hub = await HubProcess.start(place.settings);
    const { client } = await signUp(hub.client);
    const ballast = join(folder, "ballast");
    const accepted: string[] = [];
    const order = async (): Promise<number> => {
      const { status, body } = await client.post<OrderView & Omit<Problem, "status">>("/api/orders", VISA);
      if (status === 202) accepted.push(body.id);
      // After many refusals the circuit breaker refuses for a while without asking the store.
      else expect(`${status} ${body.code}`).toMatch(/^503 (STORE|SERVICE)_UNAVAILABLE$/);
      return status;
    };
    expect(await order()).toBe(202);

    expect(() => writeFileSync(ballast, Buffer.alloc(DISK))).toThrow("ENOSPC");
    await waitFor(async () => (await order()) === 503, { timeout: 20_000 });
    for (let i = 0; i < 20; i++) await order();
    expect((await hub.client.get("/health/live")).status).toBe(200);
    expect((await hub.client.get("/health/ready")).status).toBe(503);

    rmSync(ballast);
    await waitFor(async () => (await order()) === 202, { timeout: 15_000 });
    const { client: admin } = await signIn(hub.client, ADMIN);
    const orders = await waitFor(
      async () => {
        if (!(await settled(admin))) return false;
        const all = await admin.all<OrderView>("/api/admin/orders");
        return all.every(isOver) && all;
      },
      { timeout: 30_000 },
    );
    expect(orders.map(({ id }) => id).sort()).toEqual([...accepted].sort());
    const { body } = await admin.get<Reconciliation>("/api/admin/payments/reconciliation");
    expect(body).toMatchObject({ charges: accepted.length, mismatches: [] });
  },
  90_000,
);
