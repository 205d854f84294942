import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { table } from "./lib/table";
import { accept } from "./sections/accept";
import { adapters } from "./sections/adapters";
import { complete } from "./sections/complete";
import { history } from "./sections/history";
import { onServers, type Options, type Report } from "./sections/section";
import { observability } from "./sections/observability";
import { socket } from "./sections/socket";

const SECTIONS: Record<string, (options: Options) => Promise<Report>> = {
  accept,
  complete,
  socket,
  adapters,
  observability,
  history,
};

const USAGE = `npm run bench -- [SECTION...] [--connections 64] [--seconds 5] [--rounds 3] [--orders 5000]
                 [--events 1000000]

SECTION is ${Object.keys(SECTIONS).join(", ")}; all of them by default. It starts what it needs, on free ports and in
temporary folders, and ends it. With MONGO_URL, COMMANDS_URL and EVENTS_URL set it runs on those servers:
  npm run servers -- run npm run bench`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    connections: { type: "string", default: "64" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    orders: { type: "string", default: "5000" },
    events: { type: "string", default: "1000000" },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const unknown = positionals.filter((name) => !(name in SECTIONS));
  if (values.help || unknown.length > 0) {
    process.stdout.write(`${USAGE}\n`);
    process.exitCode = unknown.length > 0 ? 1 : 0;
    return;
  }
  const options: Options = {
    connections: Number(values.connections),
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    orders: Number(values.orders),
    events: Number(values.events),
  };
  const where = onServers() ? "real servers" : "embedded";
  process.stdout.write(`Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model}), ${where}\n`);
  for (const name of positionals.length > 0 ? positionals : Object.keys(SECTIONS)) {
    const { title, rows, notes } = await (SECTIONS[name] as (options: Options) => Promise<Report>)(options);
    process.stdout.write(`\n${title}\n${table(rows)}\n${notes.map((note) => `  ${note}\n`).join("")}`);
  }
}

main().then(
  // Clients of brokers may hold the loop: the work is done.
  () => process.exit(),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
