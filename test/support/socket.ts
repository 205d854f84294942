import { io, type Socket } from "socket.io-client";
import type { NotificationView } from "./client";
import { waitFor } from "./wait";

/** A browser's connection, and all that came over it. */
export interface TestSocket {
  socket: Socket;
  told: Omit<NotificationView, "read">[];
  closing: { code: string }[];
  /** The code of the refusal, when the connection was refused. */
  refused: string | null;
  /** The server has ended it. */
  ended: boolean;
  close(): void;
}

/** Connects, and resolves when the server has let it in or refused it. */
export async function connectSocket(
  url: string,
  auth: { token?: unknown; after?: unknown },
): Promise<TestSocket> {
  const socket = io(url, { auth, transports: ["websocket"], reconnection: false, forceNew: true });
  const state: TestSocket = {
    socket,
    told: [],
    closing: [],
    refused: null,
    ended: false,
    close: () => void socket.close(),
  };
  socket.on("notification", (notification: NotificationView) => state.told.push(notification));
  socket.on("closing", (reason: { code: string }) => state.closing.push(reason));
  socket.on("disconnect", () => (state.ended = true));
  socket.on("connect_error", (error: Error & { data?: { code: string } }) => {
    state.refused = error.data?.code ?? error.message;
  });
  await waitFor(() => socket.connected || state.refused);
  return state;
}
