import { cpus } from "node:os";
import { print, readOptions, run, whole } from "../scripts/program";
import { table } from "./lib/table";
import { accept } from "./sections/accept";
import { adapters } from "./sections/adapters";
import { complete } from "./sections/complete";
import { history } from "./sections/history";
import { nodes } from "./sections/nodes";
import { onServers, type Options, type Report } from "./sections/section";
import { observability } from "./sections/observability";
import { size } from "./sections/size";
import { socket } from "./sections/socket";

const SECTIONS: Record<string, (options: Options) => Promise<Report>> = {
  accept,
  complete,
  socket,
  adapters,
  observability,
  history,
  size,
  nodes,
};

const USAGE = `npm run bench -- [SECTION...] [--connections 64] [--seconds 5] [--rounds 3] [--orders 5000]
                 [--events 1000000] [--stored 1000000]

SECTION is ${Object.keys(SECTIONS).join(", ")}; all of them by default. It starts what it needs, on free ports and in
temporary folders, and ends it. With MONGO_URL, COMMANDS_URL and EVENTS_URL set it runs on those servers:
  npm run servers -- run npm run bench`;

const { values, positionals } = readOptions(USAGE, {
  allowPositionals: true,
  options: {
    connections: { type: "string", default: "64" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    orders: { type: "string", default: "5000" },
    events: { type: "string", default: "1000000" },
    stored: { type: "string", default: "1000000" },
  },
});

async function main(): Promise<number> {
  const unknown = positionals.filter((name) => !(name in SECTIONS));
  if (unknown.length > 0)
    throw new Error(
      `There is no section ${unknown.join(", ")}; there are ${Object.keys(SECTIONS).join(", ")}.`,
    );
  const options: Options = {
    connections: whole("--connections", values.connections),
    seconds: whole("--seconds", values.seconds),
    rounds: whole("--rounds", values.rounds),
    orders: whole("--orders", values.orders),
    events: whole("--events", values.events),
    stored: whole("--stored", values.stored),
  };
  const where = onServers() ? "real servers" : "embedded";
  print(`Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model}), ${where}`);
  for (const name of positionals.length > 0 ? positionals : Object.keys(SECTIONS)) {
    const { title, rows, notes } = await (SECTIONS[name] as (options: Options) => Promise<Report>)(options);
    print(`\n${title}\n${table(rows)}${notes.map((note) => `\n  ${note}`).join("")}`);
  }
  return 0;
}

run(main);
