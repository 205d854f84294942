import { startHub, type TestHub } from "../support/hub";
import { orderIs, place, VISA } from "../support/orders";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

let hub: TestHub;

beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

const scrape = async (): Promise<string> => (await hub.guest.get<string>("/metrics")).body;

/** The value of the first line of `name` that has all these labels; null when there is none. */
function valueOf(text: string, name: string, labels: Record<string, string> = {}): number | null {
  const line = text
    .split("\n")
    .find(
      (l) =>
        l.startsWith(name) &&
        "{ ".includes(l.charAt(name.length)) &&
        Object.entries(labels).every(([label, value]) => l.includes(`${label}="${value}"`)),
    );
  return line === undefined ? null : Number(line.slice(line.lastIndexOf(" ") + 1));
}

describe("given an order that went all its way", () => {
  let text: string;

  beforeAll(async () => {
    const { client } = await signUp(hub.guest);
    const { id } = await place(client, VISA);
    await orderIs(client, id, "ACTIVE");
    text = await waitFor(async () => {
      const now = await scrape();
      return valueOf(now, "hub_outbox_pending") === 0 && now;
    });
  });

  it("counts and times the HTTP requests by route and status", () => {
    const labels = { method: "POST", route: "/api/orders", status: "202" };
    expect(valueOf(text, "hub_http_request_duration_seconds_count", labels)).toBe(1);
    expect(valueOf(text, "hub_http_requests_in_flight")).toBeGreaterThanOrEqual(0);
  });

  it("counts and times every consumer's handler, and the age of what it got", () => {
    const labels = { group: "payments", channel: "payments.charge" };
    expect(valueOf(text, "hub_handler_messages_total", { ...labels, outcome: "done" })).toBe(1);
    expect(valueOf(text, "hub_handler_duration_seconds_count", { ...labels, outcome: "done" })).toBe(1);
    expect(valueOf(text, "hub_message_delay_seconds_count", labels)).toBe(1);
  });

  it("times the actions and the store's operations", () => {
    expect(
      valueOf(text, "hub_action_duration_seconds_count", { action: "orders.place", outcome: "done" }),
    ).toBe(1);
    const birth = { collection: "orders", operation: "insertEach" };
    expect(valueOf(text, "hub_store_duration_seconds_count", birth)).toBeGreaterThanOrEqual(1);
  });

  it("tells the state: orders, outboxes, inboxes, lag, dead letters, stuck sagas, sockets, dependencies", () => {
    expect(valueOf(text, "hub_orders_total", { status: "ACTIVE" })).toBe(1);
    for (const name of ["hub_outbox_oldest_seconds", "hub_dead_letters", "hub_sagas_stuck", "hub_sockets"])
      expect([name, valueOf(text, name)]).toEqual([name, 0]);
    for (const service of ["auth", "plans", "orders", "payments", "inventory", "notifications"])
      expect(valueOf(text, "hub_service_outbox_pending", { service })).toBe(0);
    for (const group of ["orders", "payments", "inventory", "notifications", "audit"]) {
      expect(valueOf(text, "hub_consumer_lag", { group })).not.toBeNull();
      expect(valueOf(text, "hub_inbox_pending", { group })).not.toBeNull();
    }
    for (const dependency of ["store", "commands", "events"])
      expect(valueOf(text, "hub_dependency_up", { dependency })).toBe(1);
  });
});

it("has no traces without a collector: nothing is taken from the request, nothing is answered", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const { client } = await signUp(hub.guest);
  const { status, headers } = await client.post("/api/orders", VISA, { traceparent });
  expect([status, headers.get("traceparent")]).toEqual([202, null]);
});

describe("given a provider that fails for good", () => {
  it("counts the failures and the dead letters by group and reason", async () => {
    await hub.admin.put("/api/admin/simulator", { mode: "broken" });
    try {
      const { client } = await signUp(hub.guest);
      await place(client, VISA);
      await waitFor(async () => {
        const text = await scrape();
        const group = { group: "payments", channel: "payments.charge" };
        return (
          (valueOf(text, "hub_dead_letters") ?? 0) >= 1 &&
          (valueOf(text, "hub_dead_lettered_total", group) ?? 0) >= 1 &&
          (valueOf(text, "hub_handler_messages_total", { ...group, outcome: "failed" }) ?? 0) >= 1
        );
      });
    } finally {
      await hub.admin.put("/api/admin/simulator", { mode: "normal" });
    }
  });
});
