import type { Adapters } from "@moleculer/channels";
import type { DeadLetter } from "../../../contracts/dead-letter";

export type ChannelAdapter = InstanceType<typeof Adapters.Base>;

/** The server behind an adapter, for the suite to treat badly. */
export interface ServerControl {
  /** As `kill -9`. */
  kill(): Promise<void>;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** It keeps its connections and answers nothing. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** The network between here and there is gone; connections break. */
  cut(): Promise<void>;
  heal(): Promise<void>;
}

/** What the conformance suite has to know of a transport. */
export interface ChannelKit {
  name: string;
  kind: "command" | "event";
  /** A new adapter, for a broker of its own. */
  adapter(): ChannelAdapter;
  /** A channel name that nobody has used. */
  channel(): string;
  /** Puts bytes on a channel as a foreign producer would; they need not be JSON. */
  publishRaw(channel: string, bytes: string): Promise<void>;
  /** The dead letters so far of messages from `channel`. */
  readDeadLetters(channel: string): Promise<DeadLetter[]>;
  /**
   * Lets go of what only one process may hold. A child process then imports `module` and makes its adapter
   * with `childAdapter(argument)`.
   */
  handOver(): Promise<{ module: string; argument: string }>;
  /** A message that waits for its retry holds back its whole partition, not its key alone. */
  blocksPartition?: boolean;
  /** A handler that runs longer than this many ms must not lose its message to another. Default 500. */
  sessionTimeout?: number;
  /** Retry delays, ms, for the tests: what the transport can do without making them slow. */
  delays?: [number, number];
  /** How long a test waits for what must happen, ms. Default 15 s. */
  deadline?: number;
  server?: ServerControl;
  close?(): Promise<void>;
}

/** What the module that `handOver` names exports. */
export interface ChildModule {
  childAdapter(argument: string): ChannelAdapter;
  kind: ChannelKit["kind"];
}
