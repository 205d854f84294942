import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "../../config/paths";
import { Client } from "./client";
import type { Settings } from "./environment";
import { waitFor } from "./wait";

const READY = /ready: (http:\/\/\S+)/;

type Command = [string, ...string[]];
/** Node, given the way to run TypeScript. */
export const NODE: Command = [process.execPath, "--require", join(__dirname, "typescript.cjs")];
const PROGRAM: Command = [...NODE, "hub.ts"];

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The program, in a process of its own. */
export class HubProcess {
  stdout = "";
  stderr = "";
  private readonly exited: Promise<Exit>;

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = once(child, "close").then(([code, signal]) => ({ code, signal }) as Exit);
  }

  /** Starts it without waiting; only `settings` are in its environment, beside what Node needs. */
  static spawn(settings: Settings, [command, ...args] = PROGRAM): HubProcess {
    const { PATH = "", HOME = "", TMPDIR } = process.env;
    const env = { PATH, HOME, ...(TMPDIR && { TMPDIR }), ...settings };
    return new HubProcess(spawn(command, args, { cwd: ROOT, env }));
  }

  /** Starts it and waits until it says that it is ready. */
  static async start(settings: Settings, command = PROGRAM): Promise<HubProcess> {
    const hub = HubProcess.spawn(settings, command);
    await waitFor(() => READY.test(hub.stdout) || hub.child.exitCode !== null, { timeout: 20_000 });
    if (!READY.test(hub.stdout)) throw new Error(`The hub did not start: ${hub.stderr}`);
    return hub;
  }

  get client(): Client {
    const url = READY.exec(this.stdout)?.[1] ?? "";
    return new Client(url.replace("localhost", "127.0.0.1"));
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves when it has ended by itself. */
  ended(): Promise<Exit> {
    return this.exited;
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    if (this.running) this.child.kill(signal);
    return this.exited;
  }
}
