import { Middleware as Channels } from "@moleculer/channels";
import { Errors, type BrokerOptions, type LogLevels, type Middleware, type ServiceBroker } from "moleculer";
import { loadConfig, type Config } from "./config";
import { LOGGING } from "./config/logging";
import { commandsAdapter, eventsAdapter } from "./channels";
import { ROUTES } from "./contracts/routes";
import { contracts } from "./mixins/contracts";
import { Regenerator } from "./mixins/regenerator";
import { handlerLog } from "./mixins/telemetry/handler-log";
import { HUB_STARTED } from "./mixins/define-service";
import { Metrics } from "./mixins/telemetry/metrics";
import { actionMetrics, handlerMetrics } from "./mixins/telemetry/metrics-handlers";
import { timed } from "./mixins/telemetry/metrics-store";
import { readyLine } from "./mixins/ready";
import { Requests, requestsFirst } from "./mixins/http/requests-first";
import { replCommands } from "./repl";
import { expectPackageOf, patientTransporter } from "./mixins/transporter";
import { openTracing } from "./mixins/telemetry/tracing";
import { tracingMiddleware } from "./mixins/telemetry/tracing-middleware";
import { openDatabase } from "./store";
import { storeLogger } from "./store/logger";
import type { Database } from "./store/types";

const LOG_LEVELS: Record<Config["LOG_LEVEL"], LogLevels | false> = {
  off: false,
  fatal: "fatal",
  error: "error",
  warn: "warn",
  info: "info",
  debug: "debug",
  trace: "trace",
};

/**
 * The options of one node's broker. Moleculer's resilience is off unless set; each setting says why.
 * @throws ConfigError when a package that a setting needs is not there
 */
export async function brokerOptions(config: Config, database: Database): Promise<BrokerOptions> {
  const level = LOG_LEVELS[config.LOG_LEVEL];
  const requests = new Requests();
  if (config.TRANSPORTER) expectPackageOf(config.TRANSPORTER);
  return {
    ...(config.NODE_ID && { nodeID: config.NODE_ID }),
    namespace: "hub",
    ...(config.TRANSPORTER && { transporter: config.TRANSPORTER }),
    logger:
      level === false
        ? false
        : { type: "Pino", options: { level: moleculerIsQuieter(level), pino: { options: LOGGING } } },
    logLevel:
      level === false ? undefined : { "ORDERS*": level, "API*": level, "**": moleculerIsQuieter(level) },
    errorRegenerator: new Regenerator(),
    // A caller has to hear within a human's patience; the work itself goes on behind the outbox.
    requestTimeout: 10_000,
    // What a dying node did not answer is asked elsewhere, up to twice.
    retryPolicy: { enabled: true, retries: 2, delay: 50, maxDelay: 500, factor: 2, check: canBeRepeated },
    // A node that leaves half of its calls unanswered gets none for a while. An error is an answer: what somebody
    // asks must not shut an action for everybody else.
    circuitBreaker: {
      enabled: true,
      threshold: 0.5,
      minRequestCount: 20,
      windowTime: 30,
      halfOpenTime: 5_000,
      check: (error: Error) => error instanceof Errors.RequestTimeoutError,
    },
    // More than this at once on one node would only wait in its memory.
    bulkhead: { enabled: false },
    // A stopping node ends what it has begun, within the ten seconds that SIGTERM gives.
    tracking: { enabled: true, shutdownTimeout: 5_000 },
    heartbeatInterval: 2,
    heartbeatTimeout: 6,
    registry: { preferLocal: true },
    skipProcessEventRegistration: true,
    replCommands,
    middlewares: [
      {
        created: (broker: ServiceBroker) => {
          const metrics = new Metrics(broker, config);
          const tracing = openTracing(broker, config);
          broker.hub = { config, database: timed(database, metrics), requests, metrics, tracing };
        },
      },
      patientTransporter,
      requestsFirst,
      contracts,
      handlerMetrics,
      actionMetrics,
      tracingMiddleware,
      handlerLog,
      channels({
        adapter: await commandsAdapter(config, database, requests),
        schemaProperty: "commands",
        sendMethodName: "sendCommand",
        adapterPropertyName: "commandsAdapter",
        channelHandlerTrigger: "emitLocalCommandHandler",
      }),
      channels({
        adapter: await eventsAdapter(config, database, requests),
        schemaProperty: "domainEvents",
        sendMethodName: "publishEvent",
        adapterPropertyName: "eventsAdapter",
        channelHandlerTrigger: "emitLocalDomainEventHandler",
      }),
      { started: async (broker: ServiceBroker) => void broker.broadcastLocal(HUB_STARTED) },
    ],
  };
}

const CHANGING = new Set(ROUTES.filter(({ method }) => method !== "GET").map(({ action }) => action));

/**
 * Whether a call that failed does no harm a second time: nobody took it, or it only reads. What changes something
 * may have been done before its node died: an order would be placed twice, and only its client knows if it may be.
 */
function canBeRepeated(error: Error): boolean {
  if (error instanceof Errors.ServiceNotAvailableError) return true;
  const { action } = ((error as Errors.MoleculerError).data ?? {}) as { action?: string };
  return error instanceof Errors.RequestRejectedError && !CHANGING.has(action ?? "");
}

/** The package's types know its own adapters by name only, not ones that are passed as they are. */
const channels = (options: Record<string, unknown>): Middleware =>
  (Channels as unknown as (options: Record<string, unknown>) => Middleware)(options);

/** At `info` Moleculer tells of every action it registers: that is for `debug`. */
const moleculerIsQuieter = (level: LogLevels): LogLevels => (level === "info" ? "warn" : level);

/** For `moleculer-runner` (`npm run dev`), which takes a function. */
export default async function options(): Promise<BrokerOptions> {
  const began = Date.now();
  const config = loadConfig();
  const database = await openDatabase({
    mongoUrl: config.MONGO_URL,
    dataDir: config.DATA_DIR,
    logger: storeLogger(config),
  });
  const own = await brokerOptions(config, database);
  const ready = {
    started: async (broker: ServiceBroker) => void process.stdout.write(readyLine(broker, began)),
  };
  return {
    ...own,
    skipProcessEventRegistration: false,
    middlewares: [...(own.middlewares ?? []), ready],
  };
}
