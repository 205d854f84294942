import type { Config } from "../config";
import { ALL_TOPICS } from "../contracts/events";
import type { SqliteDatabase } from "../store/sqlite/database";
import { SqliteEngine } from "../store/sqlite/engine";
import type { Database } from "../store/types";
import type { HubAdapterBase } from "./base";
import { EmbeddedAdapter } from "./embedded";
import { DEAD_LETTERS } from "./types";

/** Says when HTTP requests wait that go before messages. */
interface Requests {
  readonly busy: boolean;
}

/** The embedded channels lie in the store's own file; beside another store, in a file of their own. */
function embedded(
  kind: "command" | "event",
  config: Config,
  database: Database,
  requests: Requests,
): HubAdapterBase {
  const shared = database.kind === "sqlite" ? (database as SqliteDatabase).engine : null;
  return new EmbeddedAdapter({
    kind,
    engine: () => shared ?? SqliteEngine.acquire(config.DATA_DIR),
    pressure: () => requests.busy,
  });
}

/** RabbitMQ at `COMMANDS_URL`, or the embedded log. Only the client that is used is loaded. */
export async function commandsAdapter(
  config: Config,
  database: Database,
  requests: Requests,
): Promise<HubAdapterBase> {
  if (!config.COMMANDS_URL) return embedded("command", config, database, requests);
  const { AmqpAdapter } = await import("./amqp");
  return new AmqpAdapter({ url: config.COMMANDS_URL });
}

/** Kafka at `EVENTS_URL`, or the embedded log. */
export async function eventsAdapter(
  config: Config,
  database: Database,
  requests: Requests,
): Promise<HubAdapterBase> {
  if (!config.EVENTS_URL) return embedded("event", config, database, requests);
  const { KafkaAdapter } = await import("./kafka");
  const brokers = config.EVENTS_URL.replace(/^kafka:\/\//, "").split(",");
  return new KafkaAdapter({
    brokers,
    clientId: config.NODE_ID ?? "hub",
    topics: [...ALL_TOPICS, DEAD_LETTERS],
  });
}
