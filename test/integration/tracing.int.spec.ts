import { startCollector, type CollectedSpan, type Collector } from "../support/collector";
import { startHub, type TestHub } from "../support/hub";
import { orderIs, VISA } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { connectSocket } from "../support/socket";
import { waitFor } from "../support/wait";
import type { OrderView } from "../support/client";

const SECRETS = { email: "seeded.person@traces.test", name: "Seeded Person", password: "a seeded password" };
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

let collector: Collector;
let hub: TestHub;
let person: Person;

beforeAll(async () => {
  collector = await startCollector();
  hub = await startHub({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=a%20tenant",
    OTEL_TRACES_SAMPLER_ARG: "1",
  });
  person = await signUp(hub.guest, SECRETS);
});
afterAll(async () => {
  await hub.stop();
  await collector.stop();
});

const spansOf = (traceId: string): CollectedSpan[] => collector.spans.filter((s) => s.traceId === traceId);

describe("given a request that belongs to a caller's trace", () => {
  let order: OrderView;
  let answered: Headers;
  let spans: CollectedSpan[];

  const one = (name: string, group?: string): CollectedSpan => {
    const found = spans.filter(
      (s) => s.name === name && (!group || s.attributes["messaging.consumer.group.name"] === group),
    );
    if (!found[0]) throw new Error(`No span ${name} among ${spans.map((s) => s.name).join(", ")}`);
    return found[0];
  };
  const parentOf = ({ parentSpanId }: CollectedSpan): CollectedSpan | undefined =>
    spans.find(({ spanId }) => spanId === parentSpanId);

  /** The names from a span up to the request. */
  function wayTo(span: CollectedSpan): string[] {
    const way: string[] = [];
    for (let at: CollectedSpan | undefined = span; at; at = parentOf(at)) way.unshift(at.name);
    return way;
  }

  beforeAll(async () => {
    const socket = await connectSocket(hub.url, { token: person.session.accessToken });
    const answer = await person.client.post<OrderView>("/api/orders", VISA, {
      traceparent: `00-${TRACE}-${CALLER}-01`,
      "x-correlation-id": "traced-order",
    });
    order = answer.body;
    answered = answer.headers;
    await orderIs(person.client, order.id, "ACTIVE");
    spans = await waitFor(() => {
      const all = spansOf(TRACE);
      const notified = all.some(({ name }) => name === "process NotificationSent");
      return notified && all.some(({ name }) => name === "emit notification") && all;
    });
    socket.close();
  });

  it("is the caller's child, and its answer names it", () => {
    const request = one("POST /api/orders");
    expect(request).toMatchObject({ parentSpanId: CALLER, kind: 2, status: { code: 0 } });
    expect(answered.get("traceparent")).toBe(`00-${TRACE}-${request.spanId}-01`);
    expect(request.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.route": "/api/orders",
      "http.response.status_code": "202",
      "hub.correlation_id": "traced-order",
    });
  });

  it("leads through action, command, handler, event and handler to the socket", () => {
    const way = wayTo(one("emit notification"));
    expect(way.slice(0, 4)).toEqual([
      "POST /api/orders",
      "orders.place",
      expect.stringMatching(/^send /),
      expect.stringMatching(/^process /),
    ]);
    expect(wayTo(one("process PaymentProcessed", "orders"))).toEqual([
      "POST /api/orders",
      "orders.place",
      "send payments.charge",
      "process payments.charge",
      "send PaymentProcessed",
      "process PaymentProcessed",
    ]);
    expect(way.at(-2)).toMatch(/^process /);
  });

  it("has each message's ids, and every event at the audit too", () => {
    const charge = one("process payments.charge");
    expect(charge).toMatchObject({ kind: 5 });
    expect(charge.attributes).toMatchObject({
      "messaging.destination.name": "payments.charge",
      "messaging.consumer.group.name": "payments",
      "hub.correlation_id": "traced-order",
      "hub.key": order.id,
    });
    expect(one("send payments.charge").kind).toBe(4);
    expect(one("process OrderPlaced", "audit")).toBeDefined();
  });

  it("is a tree: every span ends after it starts, and has its parent in the trace", () => {
    for (const span of spans) {
      expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano)).toBe(true);
      expect(span.parentSpanId === CALLER || parentOf(span) !== undefined).toBe(true);
    }
  });
});

it("makes a trace of its own for a request that has none", async () => {
  const { headers } = await person.client.get("/api/orders");
  const [, traceId = ""] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(headers.get("traceparent") ?? "") ?? [];
  const root = await waitFor(() => spansOf(traceId).find(({ name }) => name === "GET /api/orders"));
  expect(root.parentSpanId).toBeUndefined();
});

it("leaves alone what the caller does not sample, and a traceparent that is none", async () => {
  const unsampled = await person.client.get("/api/orders", { traceparent: `00-${TRACE}-${CALLER}-00` });
  expect(unsampled.headers.get("traceparent")).toBeNull();
  const broken = await person.client.get("/api/orders", { traceparent: "00-nonsense" });
  expect(broken.headers.get("traceparent")).not.toContain(TRACE);
});

it("says where a request failed by its code", async () => {
  const { headers } = await hub.guest.post("/api/auth/login", {
    email: SECRETS.email,
    password: "not this one",
  });
  const traceId = headers.get("traceparent")?.slice(3, 35) ?? "";
  const login = await waitFor(() => spansOf(traceId).find(({ name }) => name === "auth.login"));
  expect(login.attributes["error.type"]).toBe("INVALID_CREDENTIALS");
  expect(login.status.code).toBe(2);
});

it("sends the collector's headers, and nobody's address, name, password or token", () => {
  const all = collector.texts.join("\n");
  expect(all).toContain('"x-tenant":"a tenant"');
  expect(all).toContain("service.name");
  const { accessToken, refreshToken } = person.session;
  for (const secret of [
    ...Object.values(SECRETS),
    accessToken,
    refreshToken,
    "admin@hub.test",
    "not this one",
  ])
    expect([secret, all.includes(secret)]).toEqual([secret, false]);
});

it("goes on without its collector, and sends what waited when that is back", async () => {
  collector.status = 503;
  const before = collector.texts.length;
  const { status, headers } = await person.client.get("/api/orders");
  expect(status).toBe(200);
  await waitFor(() => collector.texts.length > before);
  collector.status = 200;
  const traceId = headers.get("traceparent")?.slice(3, 35) ?? "";
  await waitFor(() => spansOf(traceId).length > 0);
});
