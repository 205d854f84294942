import type { Server as HttpServer } from "node:http";
import type { ServiceBroker } from "moleculer";
import { Server, type Socket } from "socket.io";
import { HubError } from "../../contracts/errors";
import type { LiveNotification, Told } from "../../domain/notification";
import { callerFrom, type Guard } from "../../mixins/http/guard";
import type { AccessClaims } from "../../mixins/http/tokens";
import { KIND, type Span } from "../../mixins/telemetry/tracing";
import { declineUpgrades } from "./upgrade";

interface ServerEvents {
  notification(notification: LiveNotification): void;
  closing(reason: { code: string }): void;
}
interface SocketData {
  claims: AccessClaims;
  /** What came while the missed ones were being looked up; null once the socket is up to date. */
  waiting: LiveNotification[] | null;
  /** The last ones told, so that none is told twice. */
  told: Set<string>;
}
type HubSocket = Socket<Record<string, never>, ServerEvents, Record<string, never>, SocketData>;

const PAGE = 500;
const REMEMBERED = 1_000;
/** The longest delay that a timer takes, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;
const room = (userId: string): string => `user:${userId}`;

/**
 * The browser's side of the hub, on the gateway's own port: a user's sockets get that user's notifications,
 * first those missed since `after`, in order and once. A client sends nothing but its handshake.
 */
export class Sockets {
  private readonly io: Server<Record<string, never>, ServerEvents, Record<string, never>, SocketData>;
  /** Sockets that are being let in: socket.io lists them only afterwards. */
  private readonly admitting = new Map<string, HubSocket>();

  constructor(
    server: HttpServer,
    private readonly broker: ServiceBroker,
    private readonly guard: Guard,
    corsOrigins: readonly string[],
  ) {
    this.io = new Server(server, {
      serveClient: false,
      maxHttpBufferSize: 10_000,
      destroyUpgrade: false,
      cors: { origin: [...corsOrigins] },
    });
    declineUpgrades(server, `${this.io.path()}/`);
    this.io.use((socket, next) => {
      this.admitting.set(socket.id, socket);
      void this.admit(socket)
        .then(
          () => next(),
          (error: Error) => next(connectError(error)),
        )
        // By then it is greeted, refused or gone.
        .finally(() => setImmediate(() => this.admitting.delete(socket.id)));
    });
    this.io.on("connection", (socket) => this.greet(socket));
    guard.onRevoked(() => this.endRevoked());
  }

  /** Hands notifications to their users' sockets here. */
  tell(told: Told[]): void {
    for (const { userId, notification, again, trace } of told) {
      const sockets = this.io.sockets.adapter.rooms.get(room(userId));
      if (!sockets) continue;
      const span = this.span(trace, userId, notification);
      for (const id of sockets) {
        const socket = this.io.sockets.sockets.get(id) ?? this.admitting.get(id);
        if (!socket || (again && Date.parse(notification.createdAt) < socket.handshake.issued)) continue;
        if (socket.data.waiting) socket.data.waiting.push(notification);
        else emit(socket, notification);
      }
      span?.end();
    }
  }

  private span(trace: string | undefined, userId: string, { id }: LiveNotification): Span | null {
    if (trace === undefined) return null;
    const attributes = { "messaging.system": "socket.io", "messaging.message.id": id, "hub.user_id": userId };
    return this.broker.hub.tracing?.child("emit notification", KIND.producer, trace, attributes) ?? null;
  }

  /**
   * Closes the connections under the sockets, so that their clients come back by themselves, to another gateway:
   * after a disconnect they would stay away. The HTTP server is its owner's to close.
   */
  close(): void {
    this.io.engine.close();
  }

  private async admit(socket: HubSocket): Promise<void> {
    const { token } = socket.handshake.auth as { token?: unknown };
    // What is given and is no text is a token that is wrong, not one that is missing.
    const given = token === null || typeof token === "string" ? token : JSON.stringify(token);
    const claims = await this.guard.authenticate(given ?? undefined);
    socket.data.claims = claims;
    socket.data.waiting = [];
    socket.data.told = new Set();
    // From here on nothing is missed: what comes now waits until the past has been told.
    await socket.join(room(callerFrom(claims).id));
    const after = (socket.handshake.auth as { after?: unknown }).after;
    if (after === undefined || after === null) return;
    const missed = await this.missed(claims.sub, String(after));
    socket.data.waiting = [...missed, ...socket.data.waiting];
  }

  private async missed(userId: string, after: string): Promise<LiveNotification[]> {
    const all: LiveNotification[] = [];
    for (let last = after; ;) {
      const page = await this.broker.call<LiveNotification[], object>("notifications.since", {
        userId,
        after: last,
        limit: PAGE,
      });
      all.push(...page);
      if (page.length < PAGE) return all;
      last = page.at(-1)?.id ?? last;
    }
  }

  private greet(socket: HubSocket): void {
    for (const notification of socket.data.waiting ?? []) emit(socket, notification);
    socket.data.waiting = null;
    const left = socket.data.claims.exp * 1000 - Date.now();
    const timer = setTimeout(
      () => end(socket, "TOKEN_EXPIRED"),
      Math.min(Math.max(left, 0), LONGEST_TIMER),
    ).unref();
    const { sockets } = this.broker.hub.metrics;
    sockets.inc();
    socket.once("disconnect", () => {
      clearTimeout(timer);
      sockets.dec();
    });
    if (this.guard.isRevoked(socket.data.claims)) end(socket, "TOKEN_REVOKED");
  }

  private endRevoked(): void {
    for (const socket of this.io.sockets.sockets.values())
      if (this.guard.isRevoked(socket.data.claims)) end(socket, "TOKEN_REVOKED");
  }
}

/** Emits what the socket was not told lately. */
function emit(socket: HubSocket, notification: LiveNotification): void {
  const { told } = socket.data;
  if (told.has(notification.id)) return;
  told.add(notification.id);
  if (told.size > REMEMBERED) told.delete(told.values().next().value ?? "");
  socket.emit("notification", notification);
}

function end(socket: HubSocket, code: string): void {
  socket.emit("closing", { code });
  socket.disconnect(true);
}

/** socket.io hands `data` of an error in a middleware to the client's `connect_error`. */
function connectError(error: Error): Error {
  const known = error instanceof HubError ? error : new HubError("UNAVAILABLE", 503, "Try again later.");
  // Whether a token was good once is no news to who comes with it; `closing` tells those who had it.
  const code = known.code === "TOKEN_REVOKED" ? "TOKEN_INVALID" : known.code;
  return Object.assign(new Error(known.message), { data: { code } });
}
