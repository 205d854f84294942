import { Mesh } from "../support/mesh";
import { waitFor } from "../support/wait";
import { describeOnServers, NODES_TIMEOUT } from "./servers";

const SECRET = "not-the-pass-word";
const PATIENCE = { timeout: 60_000 };

/** The same server, asked for as somebody else. */
function asStranger(url: string): string {
  const address = new URL(url);
  address.username = "stranger";
  address.password = SECRET;
  return address.href;
}

const linesWith = (text: string, what: string): string[] =>
  text.split("\n").filter((line) => line.includes(what));

describeOnServers("wrong credentials", () => {
  let mesh: Mesh;
  beforeAll(async () => void (mesh = await Mesh.empty()), NODES_TIMEOUT);
  afterAll(() => mesh?.stop(), NODES_TIMEOUT);

  test(
    "MongoDB refuses: the start ends with one line, without the secret",
    async () => {
      const node = await mesh.define("accounts", "auth,plans");
      node.spawn({ MONGO_URL: asStranger(process.env.MONGO_URL ?? "") });
      const exit = await node.ended();
      expect(exit).toEqual({ code: 1, signal: null });
      expect(linesWith(node.output, "MONGO_URL")).toHaveLength(1);
      expect(node.output).not.toContain(SECRET);
    },
    NODES_TIMEOUT,
  );

  test(
    "RabbitMQ refuses: one line says so, without the secret, and the node is degraded",
    async () => {
      const node = await mesh.define(
        "hub",
        "auth,plans,orders,fraud,payments,inventory,notifications,audit,api",
      );
      node.spawn({ COMMANDS_URL: asStranger(process.env.COMMANDS_URL ?? "") });
      await waitFor(async () => (await node.readiness()) === 200, PATIENCE);
      const { body } = await node.health.get("/health/ready");
      expect(body).toMatchObject({ status: "degraded", checks: { commands: "down", store: "up" } });
      await waitFor(() => linesWith(node.output, "COMMANDS_URL").length > 0, PATIENCE);
      expect(linesWith(node.output, "COMMANDS_URL")).toHaveLength(1);
      expect(node.output).not.toContain(SECRET);
    },
    NODES_TIMEOUT,
  );
});
