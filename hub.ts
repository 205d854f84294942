import { loadConfig } from "./config";
import { ConfigError } from "./contracts/errors";
import { startNode } from "./node";

/** The program: one node of the hub, all services in one process unless `SERVICES` says otherwise. */
async function main(): Promise<void> {
  const started = Date.now();
  const config = loadConfig();
  const node = await startNode(config);
  const { server } = (node.broker.getLocalService("api") ?? {}) as { server?: import("node:http").Server };
  const address = server?.address();
  const where =
    address && typeof address === "object" ? `http://localhost:${address.port}` : config.SERVICES.join(", ");
  process.stdout.write(
    `Subscription Hub is ready: ${where} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`,
  );

  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    void node.stop().finally(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  if (process.argv.includes("--repl")) node.broker.repl();
}

main().catch((error: Error) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error.stack ?? error.message)}\n`);
  process.exit(1);
});
