import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EMBEDDED, makePlace, type Place, type Settings } from "../support/environment";
import { HubProcess } from "../support/process";

let place: Place;

beforeEach(async () => {
  place = await makePlace();
});
afterEach(() => place.remove());

/** A start that has to fail: its exit code, and the lines that it wrote. */
async function failedStart(own: Settings): Promise<{ code: number | null; lines: string[] }> {
  const hub = HubProcess.spawn({ ...place.settings, ...own });
  const { code } = await hub.ended();
  const text = hub.stdout + hub.stderr;
  return { code, lines: text.trim().split("\n") };
}

(EMBEDDED ? test : test.skip)(
  "a second process on the same data folder ends with one clear line, the first goes on",
  async () => {
    const first = await HubProcess.start(place.settings);
    try {
      const { code, lines } = await failedStart({});
      expect(code).toBe(1);
      expect(lines).toEqual([expect.stringContaining("DATA_DIR")]);
      expect(lines[0]).toContain(place.dataDir);
      expect((await first.client.get("/api/plans")).status).toBe(200);
      expect((await first.client.get("/health/ready")).status).toBe(200);
    } finally {
      await first.end("SIGKILL");
    }
  },
);

(EMBEDDED ? test : test.skip)(
  "a data folder that cannot be written ends the start with one line",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "hub-file-"));
    try {
      const file = join(folder, "file");
      writeFileSync(file, "");
      // Root may write everywhere, but not below a file.
      const { code, lines } = await failedStart({ DATA_DIR: join(file, "data") });
      expect(code).toBe(1);
      expect(lines).toEqual([expect.stringMatching(/^DATA_DIR: cannot write to /)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

(EMBEDDED ? test : test.skip)(
  "given a data folder on a file system that takes none, when the hub starts, then it ends with one line",
  async () => {
    const { code, lines } = await failedStart({ DATA_DIR: "/proc/none/data" });
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/^DATA_DIR: cannot write to /)]);
  },
);

test.each([
  ["PORT", "http"],
  ["RATE_LIMIT", "many"],
  ["SERVICES", "api,kitchen"],
  ["JWT_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----"],
])("%s=%s ends the start with one line that names it", async (name, value) => {
  const { code, lines } = await failedStart({ [name]: value });
  expect(code).toBe(1);
  expect(lines).toEqual([expect.stringMatching(new RegExp(`^${name} takes `))]);
});

test("a port that is taken ends the start with one line", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, resolve));
  try {
    const { port } = other.address() as AddressInfo;
    const { code, lines } = await failedStart({ PORT: String(port), LOG_LEVEL: "warn" });
    expect(code).toBe(1);
    expect(lines.filter((line) => line.includes("PORT"))).toHaveLength(1);
    expect(lines.join("\n")).not.toMatch(/\n\s+at |not told/);
  } finally {
    other.close();
  }
});
