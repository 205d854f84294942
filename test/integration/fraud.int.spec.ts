import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fraudFunction } from "../../functions/fraud";
import { Client, type OrderView } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { signUp } from "../support/people";
import { HubProcess, NODE } from "../support/process";
import { waitFor } from "../support/wait";

const ORDER = { planId: "basic", paymentMethod: "pm_card_visa" };
const request = {
  orderId: "order-1",
  userId: "user-1",
  amount: 100_001,
  currency: "EUR",
  items: [{ planId: "basic", quantity: 1 }],
};

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const close = (server: Server) => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
};

describe("the fraud function alone", () => {
  let server: Server;
  let client: Client;
  beforeAll(async () => {
    server = fraudFunction();
    client = new Client(await listen(server));
  });
  afterAll(() => close(server));

  test.each([
    [100_001, 0.9],
    [100_000, 0.1],
  ])("scores a total of %d cents %d", async (amount, score) => {
    const { status, body } = await client.post<{ score: number }>("/", { ...request, amount });
    expect([status, body.score]).toEqual([200, score]);
  });

  test("tells what is wrong with a request", async () => {
    const { orderId: _, ...rest } = request;
    const missing = await client.post<{ code: string; errors: object[] }>("/", rest);
    expect([missing.status, missing.body.code]).toEqual([400, "VALIDATION_ERROR"]);
    expect(missing.body.errors).toEqual([{ pointer: "/orderId", detail: "is required" }]);
    expect((await client.send("POST", "/", "{", {})).status).toBe(400);
    expect((await client.send("POST", "/", `"${"x".repeat(110_000)}"`, {})).status).toBe(413);
    expect((await client.call("DELETE", "/")).status).toBe(405);
    expect((await client.get("/")).status).toBe(200);
  });

  test("is a program that ends with 0 when it is told to", async () => {
    const program = HubProcess.spawn({ PORT: "0" }, [...NODE, "functions/fraud.ts"]);
    try {
      const where = /ready: http:\/\/localhost:(\d+)/;
      const port = await waitFor(() => where.exec(program.stdout)?.[1], { timeout: 20_000 });
      const { body } = await new Client(`http://127.0.0.1:${port}`).post("/", request);
      expect(body).toEqual({ score: 0.9, reasons: ["LARGE_TOTAL"] });
      expect(await program.end("SIGTERM")).toEqual({ code: 0, signal: null });
    } finally {
      await program.end("SIGKILL");
    }
  }, 30_000);
});

describe("a hub whose fraud function is elsewhere", () => {
  let handler: RequestListener;
  let server: Server;
  let hub: TestHub;
  let client: Client;

  beforeAll(async () => {
    server = createServer((req, res) => handler(req, res));
    hub = await startHub({ FRAUD_URL: `${await listen(server)}/score` });
    ({ client } = await signUp(hub.guest));
  });
  afterAll(async () => {
    await hub?.stop();
    await close(server);
  });

  const answers =
    (status: number, body: unknown): RequestListener =>
    (_req, res) =>
      void res.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));

  test("goes by its score", async () => {
    handler = answers(200, { score: 0.81, reasons: ["ODD"] });
    const { status, body } = await client.post<{ code: string }>("/api/orders", ORDER);
    expect([status, body.code]).toEqual([422, "FRAUD_SUSPECTED"]);
    handler = answers(200, { score: 0.8, reasons: [] });
    expect((await client.post("/api/orders", ORDER)).status).toBe(202);
  });

  test("hands it the order and the correlation id", async () => {
    let asked: unknown;
    let correlationId: unknown;
    handler = (req, res) => {
      correlationId = req.headers["x-correlation-id"];
      let text = "";
      req.on("data", (chunk) => (text += String(chunk)));
      req.on("end", () => {
        asked = JSON.parse(text);
        answers(200, { score: 0, reasons: [] })(req, res);
      });
    };
    const { body, headers } = await client.post<OrderView>("/api/orders", ORDER);
    const { id: orderId, total, items } = body;
    expect(asked).toMatchObject({ orderId, ...total, items: [{ planId: "basic", quantity: 1 }] });
    expect(items).toHaveLength(1);
    expect(correlationId).toBe(headers.get("x-correlation-id"));
  });

  test.each<[string, RequestListener]>([
    ["fails", answers(500, {})],
    ["answers nonsense", answers(200, { score: "high" })],
    ["does not answer", () => undefined],
  ])("takes the order and marks it for review when it %s", async (_, listener) => {
    handler = listener;
    const { status, body } = await client.post<OrderView>("/api/orders", ORDER);
    expect(status).toBe(202);
    const order = await client.get<OrderView & { review?: boolean }>(`/api/orders/${body.id}`);
    expect(order.body.review).toBe(true);
  });
});
