import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { ConfigError, StoreUnavailableError } from "../../../contracts/errors";
import { openDatabase } from "../../../store";
import { openMongoDatabase, type MongoDatabase } from "../../../store/mongo/database";
import type { Document } from "../../../store/types";
import { TcpProxy } from "../../support/proxy";
import { waitFor } from "../../support/wait";
import { writeUntilKilled } from "./kill";
import { storeConformance } from "./store.suite";

const { MONGO_URL } = process.env;

/** A database of this run's own on the server of MONGO_URL. */
function ownDatabase(server: string): string {
  const url = new URL(server);
  url.pathname = `/hub_test_${randomBytes(6).toString("hex")}`;
  return url.href;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("store: mongodb, without a server", () => {
  it("rejects operations, goes on trying, and does not hold up the start", async () => {
    const lines: string[] = [];
    const note = (line: unknown): number => lines.push(String(line));
    const database = openMongoDatabase({
      url: `mongodb://hub:s3cret@127.0.0.1:${await freePort()}/hub`,
      logger: { info: note, warn: note, error: note },
    });
    const store = database.adapter({ name: "things" });
    await store.connect();
    await expect(store.insert({ _id: "a" })).rejects.toThrow(StoreUnavailableError);
    await expect(store.insertEach([{ _id: "a" }])).rejects.toThrow(StoreUnavailableError);
    await expect(store.find()).rejects.toThrow(StoreUnavailableError);
    expect(await database.ping()).toBe(false);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^MONGO_URL: cannot reach mongodb:\/\/127/);
    expect(lines[0]).not.toContain("s3cret");
    await database.close();
  });

  it("says in one line that a URL is none", async () => {
    const opening = openDatabase({ mongoUrl: "http://127.0.0.1", dataDir: "unused" });
    await expect(opening).rejects.toThrow(ConfigError);
    await expect(opening).rejects.toThrow(/^MONGO_URL: [^\n]+$/);
  });
});

// Where no server is given there is nothing to hold to the suite.
if (MONGO_URL) withServer(MONGO_URL);

function withServer(server: string): void {
  const opened: MongoDatabase[] = [];
  const cleanUp = openMongoDatabase({ url: server });

  function open(url = ownDatabase(server)): MongoDatabase {
    const database = openMongoDatabase({ url });
    opened.push(database);
    return database;
  }

  afterAll(async () => {
    await cleanUp.firstAttempt();
    const names = new Set(opened.map((database) => database.connection.name));
    for (const name of names) if (name) await cleanUp.connection.useDb(name).dropDatabase();
    for (const database of [...opened, cleanUp]) await database.close();
  });

  storeConformance("mongodb", async () => {
    const database = open();
    await database.firstAttempt();
    return database;
  });

  describe("store: mongodb, the server", () => {
    it("has every acknowledged write after kill -9 of the writer", async () => {
      const url = ownDatabase(server);
      const { updated } = await writeUntilKilled("unused", url);
      const store = open(url).adapter<Document & { n: number }>({ name: "load" });
      await store.connect();
      const found = new Set((await store.find({ query: { n: 1 } })).map((doc) => doc._id));
      expect(updated.length).toBeGreaterThan(0);
      expect(updated.filter((id) => !found.has(id))).toEqual([]);
    });

    it("rejects while the connection is cut, and works by itself once it is back", async () => {
      const { hostname, port } = new URL(server);
      const proxy = await TcpProxy.to(hostname, Number(port));
      const url = new URL(ownDatabase(server));
      url.host = `127.0.0.1:${proxy.port}`;
      url.search = "?directConnection=true";
      const database = open(url.href);
      const store = database.adapter({ name: "things" });
      await store.connect();
      await store.insert({ _id: "before" });
      proxy.cut();
      await expect(store.insert({ _id: "during" })).rejects.toThrow(StoreUnavailableError);
      expect(await database.ping()).toBe(false);
      proxy.heal();
      await waitFor(() => store.insertEach([{ _id: "after" }]).catch(() => null), { timeout: 10_000 });
      expect((await store.findByIds(["before", "after"])).length).toBe(2);
      await database.close();
      await proxy.close();
    });

    it("given a server that comes later, and its user later still, then it works by itself", async () => {
      const { hostname, port } = new URL(server);
      const proxy = await TcpProxy.to(hostname, Number(port));
      const user = `late-${randomBytes(6).toString("hex")}`;
      const url = new URL(ownDatabase(server));
      url.host = `127.0.0.1:${proxy.port}`;
      url.username = user;
      url.password = "s3cret";
      url.search = "?directConnection=true&authSource=admin";
      const lines: string[] = [];
      const note = (line: unknown): number => lines.push(String(line));
      proxy.cut();
      const database = openMongoDatabase({ url: url.href, logger: { info: note, warn: note, error: note } });
      opened.push(database);
      await database.firstAttempt();
      proxy.heal();
      await waitFor(() => lines.some((line) => line.endsWith("refuses the user or the password.")));
      const { db } = (await cleanUp.firstAttempt(), cleanUp.connection);
      const admin = cleanUp.connection.useDb("admin");
      await admin.db?.command({ createUser: user, pwd: "s3cret", roles: ["root"] });
      try {
        await waitFor(() => database.ping(), { timeout: 15_000 });
        expect(db).toBeDefined();
        expect(lines.filter((line) => line.includes("refuses"))).toHaveLength(1);
      } finally {
        await admin.db?.command({ dropUser: user });
        await proxy.close();
      }
    });

    it("keeps the connections of two databases apart", async () => {
      const one = open();
      const two = open();
      const [here, there] = [one.adapter({ name: "things" }), two.adapter({ name: "things" })];
      await here.connect();
      await there.connect();
      await here.insert({ _id: "a" });
      await one.close();
      expect(await there.count()).toBe(0);
      await expect(here.count()).rejects.toThrow(StoreUnavailableError);
    });
  });
}
