import type { Client, Problem } from "../support/client";
import { audit, isClean } from "../support/ledger";
import { Mesh } from "../support/mesh";
import { placed, VISA } from "../support/orders";
import { signUp, type Person } from "../support/people";
import { scriptedServer, type ScriptedServer } from "../support/servers";
import { waitFor } from "../support/wait";
import { describeOnServers, NODES_TIMEOUT } from "./servers";

const PATIENCE = { timeout: 120_000 };
const ALL = "auth,plans,orders,fraud,payments,inventory,notifications,audit,api";

interface Ready {
  status: string;
  checks: Record<string, unknown>;
}

/** Only servers that the script started can be taken away. */
const { MONGO_URL = "", COMMANDS_URL = "", EVENTS_URL = "", TRANSPORTER = "" } = process.env;
const servers =
  describeOnServers === describe
    ? {
        store: scriptedServer("mongo", MONGO_URL),
        commands: scriptedServer("rabbit", COMMANDS_URL),
        events: scriptedServer("kafka", EVENTS_URL),
        transporter: scriptedServer("nats", TRANSPORTER),
      }
    : null;
const describeWithServers = servers && Object.values(servers).every(Boolean) ? describe : describe.skip;
const server = (name: keyof NonNullable<typeof servers>): ScriptedServer => servers?.[name] as ScriptedServer;

describeWithServers("backing services that go away and come back", () => {
  let mesh: Mesh;
  let admin: Client;
  let person: Person;
  const accepted: string[] = [];

  beforeAll(async () => {
    mesh = await Mesh.start({ hub: ALL });
    admin = await mesh.admin();
    person = await signUp(mesh.guest);
    accepted.push((await placed(person.client)).id);
  }, NODES_TIMEOUT);
  afterEach(
    async () => void (await Promise.all(Object.values(servers ?? {}).map((s) => s?.start()))),
    NODES_TIMEOUT,
  );
  afterAll(() => mesh?.stop(), NODES_TIMEOUT);

  const ready = () => mesh.guest.get<Ready>("/health/ready");
  const readyIs = (status: string) =>
    waitFor(async () => (await ready()).body.status === status, PATIENCE).catch(async () => {
      throw new Error(`/health/ready is not ${status}: ${JSON.stringify((await ready()).body)}`);
    });
  const live = async () => (await mesh.guest.get("/health/live")).status;
  const order = () => person.client.post<Problem & { id: string }>("/api/orders", VISA);

  async function allIsWell(): Promise<void> {
    const look = () => audit(admin, accepted, [person.client]);
    let found = await look();
    await waitFor(async () => isClean((found = await look())), PATIENCE).catch(() => undefined);
    expect(found).toMatchObject({ lost: [], charges: [], seats: [], events: [], notifications: [] });
  }

  test(
    "without the store: 503 with Retry-After, never a false 202, and it works when it is back",
    async () => {
      await server("store").kill();
      const refused = await order();
      expect(refused.status).toBe(503);
      expect(refused.body.code).toMatch(/^[A-Z_]+$/);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      await readyIs("unavailable");
      const answer = await ready();
      expect(answer.status).toBe(503);
      expect(answer.body.checks).toMatchObject({ store: "down" });
      expect(await live()).toBe(200);

      await server("store").start();
      await readyIs("ok");
      accepted.push((await placed(person.client)).id);
      await allIsWell();
    },
    2 * NODES_TIMEOUT,
  );

  test(
    "without RabbitMQ and Kafka orders are accepted, and flow when they are back",
    async () => {
      await Promise.all([server("commands").kill(), server("events").kill()]);
      const degraded = await waitFor(async () => {
        const answer = await ready();
        const { commands, events } = answer.body.checks;
        return commands === "down" && events === "down" && answer;
      }, PATIENCE);
      expect(degraded.status).toBe(200);
      expect(degraded.body).toMatchObject({ status: "degraded", checks: { store: "up" } });
      for (let i = 0; i < 10; i++) {
        const { status, body } = await order();
        expect(status).toBe(202);
        accepted.push(body.id);
      }
      expect((await admin.get("/api/admin/stats")).status).toBe(200);
      await Promise.all([server("commands").start(), server("events").start()]);
      await readyIs("ok");
      await allIsWell();
    },
    2 * NODES_TIMEOUT,
  );

  test(
    "without the transporter a node of all services goes on",
    async () => {
      await server("transporter").kill();
      await readyIs("degraded");
      const { status, body } = await order();
      expect(status).toBe(202);
      accepted.push(body.id);
      await allIsWell();
      await server("transporter").start();
      await readyIs("ok");
    },
    2 * NODES_TIMEOUT,
  );

  test(
    "a node that starts without all four says which is missing, keeps trying and becomes ready",
    async () => {
      const hub = mesh.node("hub");
      await hub.end("SIGTERM");
      await Promise.all(
        ["store", "commands", "events", "transporter"].map((name) => server(name as "store").kill()),
      );
      hub.spawn();
      await waitFor(async () => (await hub.readiness()) === 503, PATIENCE);
      expect((await hub.health.get("/health/live")).status).toBe(200);
      const { body } = await hub.health.get<Ready>("/health/ready");
      expect(body.checks).toMatchObject({
        store: "down",
        commands: "down",
        events: "down",
        transporter: "down",
      });
      for (const name of ["MONGO_URL", "COMMANDS_URL", "EVENTS_URL", "TRANSPORTER"])
        await waitFor(() => hub.output.includes(name), PATIENCE);
      expect((await order()).status).toBe(503);

      await Promise.all(
        ["store", "commands", "events", "transporter"].map((name) => server(name as "store").start()),
      );
      await readyIs("ok");
      accepted.push((await placed(person.client)).id);
      await allIsWell();
    },
    2 * NODES_TIMEOUT,
  );
});
