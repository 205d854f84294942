import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../../config/paths";
import { scriptedServer, type ScriptedServer } from "../../test/support/servers";

const URLS = {
  mongo: "MONGO_URL",
  rabbit: "COMMANDS_URL",
  kafka: "EVENTS_URL",
  nats: "TRANSPORTER",
} as const;
export type ServerName = keyof typeof URLS;
export type Servers = Record<ServerName, ScriptedServer>;

/**
 * The four servers, to be killed and started. With no URL in the environment they are brought up first.
 * @throws Error when a URL names a server that `npm run servers` did not start
 */
export function openServers(): Servers {
  const names = Object.keys(URLS) as ServerName[];
  if (names.every((name) => !process.env[URLS[name]])) bringUp();
  const servers = names.map((name) => {
    const server = scriptedServer(name, process.env[URLS[name]] ?? "");
    if (!server)
      throw new Error(`${URLS[name]} is not what "npm run servers -- env" says: drills kill servers.`);
    return [name, server] as const;
  });
  return Object.fromEntries(servers) as Servers;
}

function bringUp(): void {
  const script = join(ROOT, "scripts/servers.sh");
  const exports = execFileSync("bash", [script, "up"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  for (const [, name, value] of exports.matchAll(/^export (\w+)='(.*)'$/gm))
    if (name && value) process.env[name] = value;
}
