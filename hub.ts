// First: see there.
import { onEndSignal } from "./signals";
import type { REPLServer } from "node:repl";
import { loadConfig, SERVICE_NAMES, type Config } from "./config";
import { ConfigError } from "./contracts/errors";
import { readyLine } from "./mixins/ready";
import { within } from "./mixins/within";
import { startNode, type Node } from "./node";
import { completing } from "./repl";

/** The program: one node of the hub, all services in one process unless `SERVICES` says otherwise. */
async function main(): Promise<void> {
  const started = Date.now();
  const repl = process.argv.includes("--repl");
  const own = loadConfig();
  const all = own.SERVICES.length === SERVICE_NAMES.length;
  const beside = repl && own.TRANSPORTER !== undefined && all;
  const config = beside ? besideTheMesh(own) : own;
  const starting = startNode(config);
  const ending = endOn(starting);
  const node = await starting.catch((error: Error) => {
    if (repl && error instanceof ConfigError && error.message.includes("another process owns"))
      throw taken(own);
    throw error;
  });
  if (beside) await find(node);
  if (ending.aborted) return;
  process.stdout.write(readyLine(node.broker, started));
  if (repl) completing(node.broker.repl() as unknown as REPLServer);
}

/** How long the end of the program may take, and how long of that it waits for a start to be over, in milliseconds. */
const END_MS = 9_500;
const START_MS = 2_000;

/** Ends the program when a signal says so; what it returns is aborted from then on. */
function endOn(starting: Promise<Node>): AbortSignal {
  const ending = new AbortController();
  onEndSignal(() => {
    if (ending.signal.aborted) return;
    ending.abort();
    // A start that still waits for a server has nothing in hand that a stop would have to put away.
    const stopped = within(START_MS, starting, null).then((node) => node?.stop());
    void within(END_MS, stopped, undefined).finally(() => process.exit(0));
  });
  return ending.signal;
}

/** How long the REPL waits for the mesh to answer, in milliseconds. */
const FIND_MS = 10_000;

/** A node for the REPL alone: it runs no services, and takes no name or port from a node on this machine. */
const besideTheMesh = (config: Config): Config => ({
  ...config,
  SERVICES: [],
  NODE_ID: `repl-${process.pid}`,
  METRICS_PORT: undefined,
});

async function find({ broker }: Node): Promise<void> {
  await broker.waitForServices(["orders", "audit"], FIND_MS).catch(() => {
    process.stderr.write("No node of the mesh runs orders and audit yet: commands fail until one does.\n");
  });
}

const taken = ({ DATA_DIR }: Config): ConfigError =>
  new ConfigError(
    `Another process owns ${DATA_DIR}, so its own REPL is needed: start the hub with "npm run repl" or "npm run dev" instead of "npm start".`,
  );

main().catch((error: Error) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error.stack ?? error.message)}\n`);
  process.exit(1);
});
