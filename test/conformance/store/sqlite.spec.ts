import { spawn } from "node:child_process";
import { once } from "node:events";
import fs, {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ConfigError, StoreUnavailableError } from "../../../contracts/errors";
import { openSqliteDatabase } from "../../../store/sqlite/database";
import type { Document } from "../../../store/types";
import { writeUntilKilled } from "./kill";
import { storeConformance } from "./store.suite";

interface Numbered extends Document {
  n?: unknown;
}

const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hub-store-"));
  folders.push(folder);
  return folder;
}

afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

storeConformance("sqlite", async () => openSqliteDatabase({ dataDir: newFolder() }));

describe("store: sqlite, the file", () => {
  it("has every acknowledged write after kill -9", async () => {
    const dataDir = newFolder();
    const { updated } = await writeUntilKilled(dataDir);
    const database = openSqliteDatabase({ dataDir });
    const store = database.adapter<Numbered>({ name: "load", indexes: [{ fields: ["n"] }] });
    await store.connect();
    const found = new Set((await store.find({ query: { n: 1 } })).map((doc) => doc._id));
    expect(updated.length).toBeGreaterThan(0);
    expect(updated.filter((id) => !found.has(id))).toEqual([]);
    await database.close();
  });

  it("keeps documents, columns and what it knows of them over a restart", async () => {
    const dataDir = newFolder();
    const first = openSqliteDatabase({ dataDir });
    const before = first.adapter<Numbered>({ name: "things", indexes: [{ fields: ["n"] }] });
    await before.connect();
    await before.insertMany([
      { _id: "a", n: 1 },
      { _id: "b", n: [1, 2] },
      { _id: "c", n: null },
      { _id: "d" },
    ]);
    await first.close();
    const second = openSqliteDatabase({ dataDir });
    const after = second.adapter<Numbered>({ name: "things", indexes: [{ fields: ["n"] }] });
    await after.connect();
    const ids = async (n: unknown): Promise<string[]> =>
      (await after.find({ query: { n }, sort: "_id" })).map((doc) => doc._id);
    expect(await ids(1)).toEqual(["a", "b"]);
    expect(await ids(null)).toEqual(["c", "d"]);
    expect(await ids({ $exists: true })).toEqual(["a", "b", "c"]);
    await second.close();
  });

  it("does not hold what was erased", async () => {
    const dataDir = newFolder();
    const database = openSqliteDatabase({ dataDir });
    const store = database.adapter<Document & { email?: string }>({ name: "people" });
    await store.connect();
    await store.insertMany([..."abcd"].map((id) => ({ _id: id, email: `${id}@erase.test` })));
    await store.updateMany({ _id: "a" }, { $unset: { email: true } });
    await store.removeMany({ _id: { $in: ["b", "c"] } });
    await database.close();
    const bytes = readFileSync(join(dataDir, "hub.sqlite"), "latin1");
    expect([..."abcd"].filter((id) => bytes.includes(`${id}@erase.test`))).toEqual(["d"]);
  });

  it("belongs to one process: a second one is told so in a line, the first goes on", async () => {
    const dataDir = newFolder();
    const script = join(__dirname, "write-load.ts");
    const owner = spawn(process.execPath, ["--import", "tsx", script, dataDir, ""], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(owner, "exit");
    const lines = createInterface({ input: owner.stdout })[Symbol.asyncIterator]();
    await lines.next();
    let error: unknown;
    try {
      openSqliteDatabase({ dataDir });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(/^DATA_DIR: another process owns [^\n]+$/);
    expect((await lines.next()).done).toBe(false);
    owner.kill("SIGKILL");
    await exited;
  });

  it("is shared within a process until the last one closes it", async () => {
    const dataDir = newFolder();
    const one = openSqliteDatabase({ dataDir });
    const two = openSqliteDatabase({ dataDir });
    const here = one.adapter<Numbered>({ name: "things" });
    const there = two.adapter<Numbered>({ name: "things", indexes: [{ fields: ["n"] }] });
    await here.connect();
    await there.connect();
    await here.insert({ _id: "a", n: 1 });
    expect(await there.find({ query: { n: 1 } })).toHaveLength(1);
    await one.close();
    expect(await two.ping()).toBe(true);
    await two.close();
    expect(await two.ping()).toBe(false);
    await expect(there.find()).rejects.toThrow(StoreUnavailableError);
    await expect(there.insert({ _id: "b" })).rejects.toThrow(StoreUnavailableError);
  });

  describe("holds secrets", () => {
    const modeOf = (...path: string[]): number => statSync(join(...path)).mode & 0o777;
    let umask: number;
    beforeEach(() => (umask = process.umask(0o022)));
    afterEach(() => {
      process.umask(umask);
      jest.restoreAllMocks();
    });

    it("so nobody else may read it, or look into the folder that was made for it", async () => {
      const dataDir = join(newFolder(), "above", "data");
      const database = openSqliteDatabase({ dataDir });
      await database.ping();
      expect(modeOf(dataDir)).toBe(0o700);
      expect(modeOf(dataDir, "..")).toBe(0o755);
      const files = readdirSync(dataDir);
      expect(files).toContain("hub.sqlite-wal");
      expect(files.map((file) => [file, modeOf(dataDir, file)])).toEqual(files.map((file) => [file, 0o600]));
      await database.close();
      expect(modeOf(dataDir, "hub.sqlite")).toBe(0o600);
    });

    it("so files that others could read are closed to them, and the folder is left as it is", async () => {
      const dataDir = newFolder();
      chmodSync(dataDir, 0o750);
      const files = ["hub.sqlite", "hub.sqlite-wal"];
      for (const file of files) writeFileSync(join(dataDir, file), "", { mode: 0o644 });
      const database = openSqliteDatabase({ dataDir });
      await database.ping();
      expect(files.map((file) => modeOf(dataDir, file))).toEqual([0o600, 0o600]);
      expect(modeOf(dataDir)).toBe(0o750);
      await database.close();
    });

    it("and opens where a file system has no modes", async () => {
      jest.spyOn(fs, "chmodSync").mockImplementation(() => {
        throw Object.assign(new Error("EPERM: operation not permitted"), { code: "EPERM" });
      });
      const database = openSqliteDatabase({ dataDir: newFolder() });
      expect(await database.ping()).toBe(true);
      await database.close();
    });
  });

  it("tells in one line when the folder cannot be used", () => {
    const folder = newFolder();
    const file = join(folder, "file");
    writeFileSync(file, "");
    chmodSync(file, 0o400);
    expect(() => openSqliteDatabase({ dataDir: join(file, "data") })).toThrow(ConfigError);
    expect(() => openSqliteDatabase({ dataDir: join(file, "data") })).toThrow(/^DATA_DIR: cannot [^\n]+$/);
  });

  it("refuses writes on a full disk, whole ones, and keeps what was there", async () => {
    const database = openSqliteDatabase({ dataDir: newFolder() });
    const store = database.adapter<Numbered>({ name: "things", indexes: [{ fields: ["n"] }] });
    await store.connect();
    await store.insert({ _id: "kept", n: 1 });
    const { page_count: pages } = database.engine.prepare("PRAGMA page_count").get() as {
      page_count: number;
    };
    database.engine.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const docs = Array.from({ length: 20 }, (_, n) => ({ _id: `lost${n}`, n: "x".repeat(4_000) }));
    await expect(store.insertMany(docs)).rejects.toThrow(StoreUnavailableError);
    await expect(store.insertEach(docs)).rejects.toThrow(/full/);
    expect((await store.find()).map((doc) => doc._id)).toEqual(["kept"]);
    database.engine.exec("PRAGMA max_page_count = 1000000");
    expect(await store.insertEach(docs)).toEqual(docs.map(() => true));
    expect(await store.count()).toBe(21);
    await database.close();
  });
});
