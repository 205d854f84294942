import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { Client, DeadLetterView, EventView } from "../support/client";
import { startCollector, type Collector } from "../support/collector";
import { ADMIN, makePlace, type Place } from "../support/environment";
import { orderIs, place, VISA } from "../support/orders";
import { signIn, signUp, type Person } from "../support/people";
import { HubProcess } from "../support/process";
import { waitFor } from "../support/wait";

/*
 * Somebody registers, signs in and orders; mails are refused by a server that repeats the address, payments
 * fail for good. Then everything that the hub wrote down for its operators is searched for that person.
 */

const SEEDED = { email: "seeded.person@logs.test", name: "Seededname Surname", password: "seeded-password" };
const MAILBOX = "another.mailbox@logs.test";
const PHONE = "+4915155501234";
/** Nobody listens there. */
const WEBHOOK = "http://127.0.0.1:1/hooks/seeded-hook-key";
const CORRELATION = "seeded-correlation";

/** A mail server that refuses every mailbox, and says which. */
async function refusingMailServer(): Promise<Server> {
  const talk = (socket: Socket): void => {
    socket.write("220 mail.test\r\n");
    socket.on("error", () => socket.destroy());
    socket.on("data", (data: Buffer) => {
      const line = data.toString();
      if (/^RCPT/i.test(line)) socket.write(`550 5.1.1 ${line.trim()} is nobody here\r\n`);
      else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
      else socket.write("250 ok\r\n");
    });
  };
  const server = createServer(talk);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

let mail: Server;
let collector: Collector;
let settings: Place;
let hub: HubProcess;
let admin: Client;
let person: Person;
let secrets: string[];

/** Every line of the log, read. What the program prints itself comes before and after. */
const lines = (): Record<string, unknown>[] =>
  hub.stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const found = (text: string): string[] => secrets.filter((secret) => text.includes(secret));

beforeAll(async () => {
  mail = await refusingMailServer();
  collector = await startCollector();
  settings = await makePlace({
    LOG_LEVEL: "trace",
    WEBHOOK_ALLOW_PRIVATE: "true",
    SMTP_URL: `smtp://127.0.0.1:${(mail.address() as AddressInfo).port}`,
    // Nobody listens there.
    FRAUD_URL: "http://127.0.0.1:1/fraud",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER_ARG: "1",
  });
  hub = await HubProcess.start(settings.settings);
  admin = (await signIn(hub.client, ADMIN)).client;
  await signUp(hub.client, SEEDED);
  person = await signIn(hub.client, SEEDED);
  await hub.client.post("/api/auth/login", { email: SEEDED.email, password: `not ${SEEDED.password}` });
  await hub.client.send(
    "POST",
    "/api/auth/login",
    `{"email":"${SEEDED.email}","password":"${SEEDED.password}`,
    {
      "content-type": "application/json",
    },
  );
  await person.client.put("/api/notifications/preferences", { email: MAILBOX, sms: PHONE, webhook: WEBHOOK });

  const { accessToken, refreshToken } = person.session;
  secrets = [
    ...Object.values(SEEDED),
    MAILBOX,
    PHONE,
    "seeded-hook-key",
    accessToken,
    refreshToken,
    ADMIN.email,
    ADMIN.password,
  ];

  const { body } = await person.client.post<{ id: string }>("/api/orders", VISA, {
    "x-correlation-id": CORRELATION,
  });
  await orderIs(person.client, body.id, "ACTIVE");
  await admin.put("/api/admin/simulator", { mode: "broken" });
  await place(person.client);
  await waitFor(() => hub.stdout.includes("The webhook was not reached"));
  await waitFor(async () => (await admin.all("/api/admin/dead-letters")).length > 0);
  await waitFor(async () => (await admin.all("/api/admin/audit?type=NotificationFailed")).length > 0);
}, 60_000);

afterAll(async () => {
  await hub?.end("SIGTERM");
  await settings?.remove();
  await collector?.stop();
  mail?.close();
});

it("writes JSON lines, with the correlation id on those that belong to a request or message", () => {
  const all = lines();
  expect(all.length).toBeGreaterThan(5);
  for (const line of all) expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String) });
  // The fraud function that did not answer (of the request), and the payment that failed (of a message).
  const ofTheRequest = all.find(({ msg }) => String(msg).startsWith("The fraud function"));
  expect(ofTheRequest).toMatchObject({ correlationId: CORRELATION });
  const ofTheMessage = all.filter(({ msg }) => /was not done by/.test(String(msg)));
  expect(ofTheMessage.length).toBeGreaterThan(0);
  for (const line of ofTheMessage)
    expect(line).toMatchObject({ correlationId: expect.any(String), key: expect.any(String) });
});

it("keeps addresses, names, passwords and tokens out of its logs", () => {
  expect(found(hub.stdout + hub.stderr)).toEqual([]);
});

it("keeps them out of its spans", async () => {
  await waitFor(() => collector.spans.some(({ name }) => name.startsWith("process Notification")));
  expect(found(collector.texts.join("\n"))).toEqual([]);
});

it("keeps them out of its dead letters", async () => {
  const letters = await admin.all<DeadLetterView>("/api/admin/dead-letters");
  expect(found(JSON.stringify(letters))).toEqual([]);
});

it("keeps them out of its events, also where a mail server repeats the address", async () => {
  const events = await admin.all<EventView>("/api/admin/audit");
  const types = new Set(events.map(({ eventType }) => eventType));
  for (const type of ["UserRegistered", "UserLoggedIn", "OrderPlaced", "NotificationFailed"])
    expect([type, types.has(type)]).toEqual([type, true]);
  expect(found(JSON.stringify(events))).toEqual([]);
});
