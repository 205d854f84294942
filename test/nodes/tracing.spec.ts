import type { OrderView } from "../support/client";
import { startCollector, type Collector } from "../support/collector";
import { Mesh } from "../support/mesh";
import { orderIs, VISA } from "../support/orders";
import { signUp } from "../support/people";
import { connectSocket } from "../support/socket";
import { waitFor } from "../support/wait";
import { describeOnServers, NODES_TIMEOUT } from "./servers";

const LAYOUT = {
  gateway: "api",
  accounts: "auth,plans",
  orders: "orders,fraud",
  workers: "payments,inventory,notifications,audit",
};

const EXPECTED = [
  "POST /api/orders",
  "orders.place",
  "send payments.charge",
  "process payments.charge",
  "process SubscriptionActivated",
  "emit notification",
];

/** Spans whose parent is not among them. */
function roots<S extends { spanId: string; parentSpanId?: string }>(spans: S[]): S[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(({ parentSpanId }) => !parentSpanId || !ids.has(parentSpanId));
}

describeOnServers("one order on four nodes", () => {
  let collector: Collector;
  let mesh: Mesh;

  beforeAll(async () => {
    collector = await startCollector();
    mesh = await Mesh.start(LAYOUT, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER_ARG: "1",
    });
  }, NODES_TIMEOUT);
  afterAll(async () => {
    await mesh?.stop();
    await collector?.stop();
  }, NODES_TIMEOUT);

  test(
    "is one trace, from the gateway over the workers to the gateway's socket",
    async () => {
      const { client } = await signUp(mesh.guest);
      const socket = await connectSocket(mesh.node("gateway").url, { token: client.token });
      const { body, headers } = await client.post<OrderView>("/api/orders", VISA);
      await orderIs(client, body.id, "ACTIVE");
      const traceId = headers.get("traceparent")?.slice(3, 35) ?? "none";
      const spans = await waitFor(
        () => {
          const all = collector.spans.filter((span) => span.traceId === traceId);
          // Each node sends its spans in its own time.
          return (
            EXPECTED.every((name) => all.some((span) => span.name === name)) && roots(all).length === 1 && all
          );
        },
        { timeout: 60_000 },
      );
      socket.close();

      const nodeOf = (name: string): string | undefined => spans.find((span) => span.name === name)?.node;
      expect(nodeOf("POST /api/orders")).toBe("gateway");
      expect(nodeOf("orders.place")).toBe("orders");
      expect(nodeOf("send payments.charge")).toBe("orders");
      expect(nodeOf("process payments.charge")).toBe("workers");
      expect(nodeOf("emit notification")).toBe("gateway");
      expect(roots(spans).map(({ name }) => name)).toEqual(["POST /api/orders"]);
      const systems = new Set(spans.map(({ attributes }) => attributes["messaging.system"]));
      for (const system of ["rabbitmq", "kafka", "socket.io"]) expect(systems).toContain(system);
    },
    NODES_TIMEOUT,
  );
});
