import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ROOT = join(__dirname, "../..");

/** The longest that a child may take to get ready, and to end once it is told to. */
const READY_MS = 30_000;
const STOP_MS = 12_000;

const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

/** A folder that goes when the bench ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hub-bench-"));
  folders.add(folder);
  return folder;
}

/** A process that the bench has started, and no other, is ever ended by it. */
export interface Child {
  /** What `ready` found in its output. */
  found: RegExpMatchArray;
  pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a TypeScript file and waits until its output matches `ready`. */
export function start(
  file: string,
  ready: RegExp,
  { args = [], env = {}, node = [] }: { args?: string[]; env?: Record<string, string>; node?: string[] } = {},
): Promise<Child> {
  const child = spawn(process.execPath, [...node, "--import", "tsx", join(ROOT, file), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => {
      running.delete(child);
      resolve();
    });
  });
  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
    child.kill(signal);
    const hard = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(hard);
  };
  return new Promise((resolve, reject) => {
    let output = "";
    const late = setTimeout(() => reject(new Error(`${file} is not ready:\n${output}`)), READY_MS);
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-10_000);
      const found = ready.exec(output);
      if (!found) return;
      clearTimeout(late);
      resolve({ found, pid: child.pid ?? 0, stop });
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    void ended.then(() => {
      clearTimeout(late);
      reject(new Error(`${file} ended early:\n${output}`));
    });
  });
}

/** Runs a command to its end; its stdout. @throws Error with its stderr when it fails */
export function run(args: string[], env: Record<string, string> = {}): Promise<string> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => {
      running.delete(child);
      if (code === 0) resolve(out);
      else reject(new Error(`${args.join(" ")} ended with ${code}:\n${err.slice(-4_000)}`));
    });
  });
}
