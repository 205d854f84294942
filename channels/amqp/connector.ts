import type { LoggerInstance } from "moleculer";
import { ConfigError } from "../../contracts/errors";
import { backoff, settledWithin } from "../timing";
import { Session } from "./session";

/** How long `start` waits for the first connection. */
const FIRST_TRY = 2_000;

export interface ConnectorOptions {
  url: string;
  /** Shown in RabbitMQ's list of connections. */
  name: string;
  logger: LoggerInstance;
  onUp(session: Session): void;
}

/** Keeps one session open, and opens the next when it is lost: soon at first, then every 2.5 to 5 s. */
export class Connector {
  private current: Session | null = null;
  private running = false;
  private timer: NodeJS.Timeout | null = null;
  private attempt = 0;
  /** The last trouble that was logged: an outage is one line, not one every five seconds. */
  private logged = "";
  private readonly where: string;

  constructor(private readonly options: ConnectorOptions) {
    this.where = describe(options.url);
  }

  /** The living session, or null. */
  get session(): Session | null {
    return this.current;
  }

  /** Resolves when connected, or after a first short try: the rest goes on in the background. */
  async start(): Promise<void> {
    if (this.running) return;
    this.running = true;
    await settledWithin(this.open(), FIRST_TRY);
  }

  async stop(): Promise<void> {
    this.running = false;
    if (this.timer) clearTimeout(this.timer);
    const session = this.current;
    this.current = null;
    await session?.close();
  }

  private async open(): Promise<void> {
    try {
      const session = await Session.open(this.options.url, this.options.name);
      if (!this.running) return await session.close();
      if (this.logged) this.options.logger.info(`RabbitMQ is back (${this.where}).`);
      this.logged = "";
      this.attempt = 0;
      this.current = session;
      session.whenLost((error) => {
        this.current = null;
        this.again(error);
      });
      if (!session.isOpen()) return this.again(new Error("the connection was closed"));
      this.options.onUp(session);
    } catch (error) {
      this.again(error as Error);
    }
  }

  private again(error: Error): void {
    if (!this.running) return;
    this.report(error);
    this.timer = setTimeout(() => void this.open(), backoff(this.attempt++));
  }

  private report(error: Error): void {
    const refused = /ACCESS.REFUSED/.test(error.message);
    const reason = refused ? "it refuses this user name and password, or this virtual host" : cause(error);
    if (reason === this.logged) return;
    this.logged = reason;
    const line = `COMMANDS_URL: no connection to RabbitMQ at ${this.where}: ${reason}; trying again.`;
    if (refused) this.options.logger.error(line);
    else this.options.logger.warn(line);
  }
}

function cause(error: Error): string {
  // Node tries several addresses of one name and gives an error without words.
  const { code, message } = error as NodeJS.ErrnoException;
  return message || code || error.name;
}

/** The server's address without user and password. */
function describe(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    if (/^amqps?:$/.test(protocol) && host) return `${protocol}//${host}${pathname}`;
  } catch {
    // Said below; the URL stays out of the message, since it may hold a password.
  }
  throw new ConfigError("COMMANDS_URL takes amqp://user:password@host:port/vhost, or amqps://...");
}
