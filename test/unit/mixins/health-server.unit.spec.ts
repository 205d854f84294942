import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServiceBroker } from "moleculer";
import { ConfigError } from "../../../contracts/errors";
import { startHealthServer } from "../../../mixins/health-server";

describe("METRICS_PORT", () => {
  let other: Server;
  let port: number;

  beforeEach(async () => {
    other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    ({ port } = other.address() as AddressInfo);
  });
  afterEach(() => void other.close());

  it("given a port that is taken, when a node starts, then a line names the setting and what to do", async () => {
    const error: unknown = await startHealthServer({} as ServiceBroker, port).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(
      new RegExp(`^METRICS_PORT: .* ${port}: .*EADDRINUSE.*Set another port\\.$`),
    );
  });
});
