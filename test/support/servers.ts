import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const SCRIPT = join(__dirname, "../../scripts/servers.sh");
const run = promisify(execFile);

/** A server that `npm run servers` started, for a test to treat badly. */
export interface ScriptedServer {
  kill(): Promise<void>;
  start(): Promise<void>;
  restart(): Promise<void>;
  /** Stops it and deletes its data. */
  wipe(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** Null when the server behind `url` was started by other means: then its faults cannot be tested. */
export function scriptedServer(name: string, url: string): ScriptedServer | null {
  const own = execFileSync("bash", [SCRIPT, "env", name], { encoding: "utf8" });
  if (!own.includes(`'${url}'`)) return null;
  const servers = (command: string) => run("bash", [SCRIPT, command, name]);
  const act = (command: string) => async () => void (await servers(command));
  return {
    kill: act("kill"),
    start: act("up"),
    wipe: act("wipe"),
    pause: act("pause"),
    resume: act("resume"),
    async restart() {
      await servers("down");
      await servers("up");
    },
  };
}
