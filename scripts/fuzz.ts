import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../config";
import { ROOT } from "../config/paths";
import { startNode } from "../node";
import { ADMIN, stock } from "./fuzz/shop";
import { print, readOptions, run, whole } from "./program";

const USAGE = `npm run fuzz -- [--examples 10] [--seed 1] [--only OPERATION] [--checks all]

Holds the REST API against its own OpenAPI document with schemathesis (https://schemathesis.io): a hub on the
embedded store is started on a free port, every operation is called with generated good and bad input, as a
user and as an administrator. A 5xx, or an answer that is not as the document says, is a finding: exit 1.
It needs python3 with venv; schemathesis is installed once, into node_modules/.cache/fuzz.`;

/** Pinned: another version makes other examples. */
const SCHEMATHESIS = "schemathesis==4.32.5";
const CACHE = join(ROOT, "node_modules", ".cache", "fuzz");
const VENV = join(CACHE, "venv");
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];

const { values } = readOptions(USAGE, {
  options: {
    examples: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    checks: { type: "string", default: CHECKS.join(",") },
  },
});

/** The path of schemathesis' program, installed where it is not there yet; null without python. */
function install(): string | null {
  const program = join(VENV, "bin", "st");
  const mark = join(CACHE, `${SCHEMATHESIS}.installed`);
  if (existsSync(mark) && existsSync(program)) return program;
  try {
    execFileSync("python3", ["-c", "import venv, sys; assert sys.version_info >= (3, 10)"], {
      stdio: "ignore",
    });
  } catch {
    return null;
  }
  mkdirSync(CACHE, { recursive: true });
  print(`Installing ${SCHEMATHESIS} ...`);
  execFileSync("python3", ["-m", "venv", "--clear", VENV], { stdio: "inherit" });
  execFileSync(
    join(VENV, "bin", "pip"),
    ["install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS],
    {
      stdio: "inherit",
    },
  );
  writeFileSync(mark, "");
  return program;
}

/** One run as somebody; true without findings. What schemathesis says is printed as it comes. */
function check(program: string, url: string, token: string): Promise<boolean> {
  const child = spawn(
    program,
    [
      ...["run", `${url}/api/openapi.json`, "--url", url],
      ...["--header", `Authorization: Bearer ${token}`],
      ...["--checks", values.checks],
      ...["--phases", "examples,coverage,fuzzing,stateful"],
      ...["--max-examples", values.examples, "--seed", values.seed],
      ...["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"],
      // One worker: Python 3.11 can fail when two threads parse at once (python/cpython#106905).
      ...["--request-timeout", "15", "--workers", "1", "--no-color", "--continue-on-failure"],
      ...(values.only ? ["--include-operation-id", values.only] : []),
    ],
    // Away from the project: it looks for a settings file, and leaves its own things, where it runs.
    { cwd: CACHE, stdio: ["ignore", "inherit", "inherit"] },
  );
  return new Promise((resolve, reject) =>
    child.once("error", reject).once("exit", (code) => resolve(code === 0)),
  );
}

async function main(): Promise<number> {
  whole("--examples", values.examples);
  whole("--seed", values.seed, 0);
  const program = install();
  if (!program)
    throw new Error("npm run fuzz needs python3 (3.10 or later) with its venv module; it was not found.");
  const dataDir = mkdtempSync(join(tmpdir(), "hub-fuzz-"));
  const node = await startNode(
    loadConfig({
      PORT: "0",
      DATA_DIR: dataDir,
      RATE_LIMIT: "off",
      LOGIN_RATE_LIMIT: "off",
      LOG_LEVEL: "error",
      JWT_ACCESS_TTL: "86400",
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
    }),
  );
  try {
    const { server } = node.broker.getLocalService("api") as unknown as { server: Server };
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { user, admin } = await stock(url);
    const results: string[] = [];
    for (const [who, token] of Object.entries({ "a user": user, "an administrator": admin })) {
      const started = Date.now();
      print(`\n=== As ${who}`);
      const clean = await check(program, url, token);
      results.push(
        `as ${who}: ${clean ? "nothing found" : "FINDINGS"} (${((Date.now() - started) / 1000).toFixed(0)} s)`,
      );
    }
    print(`\n${results.join("\n")}`);
    return results.every((line) => line.includes("nothing found")) ? 0 : 1;
  } finally {
    await node.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

run(main);
