import { io } from "/vendor/socket.io.esm.min.js";
import { session } from "./session.js";

const AGAIN_MS = 1_000;

/**
 * The live line to the hub: `notification` with its detail, `connect` after each (re)connect, and `state`
 * with `live`, `waiting` or `off`.
 */
class Live extends EventTarget {
  #socket = null;
  #after = undefined;
  state = "off";

  /** Opens the line; `after` is the id of the last notification seen. */
  open(after) {
    this.close();
    this.#after = after;
    const socket = io({
      // A function, so that each reconnect sends the newest token and the last id seen.
      auth: (send) => send({ token: session.token, ...(this.#after ? { after: this.#after } : {}) }),
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
    });
    this.#socket = socket;
    this.#say("waiting");
    socket.on("connect", () => {
      this.#say("live");
      this.dispatchEvent(new Event("connect"));
    });
    socket.on("notification", (notification) => {
      this.#after = notification.id;
      this.dispatchEvent(new CustomEvent("notification", { detail: notification }));
    });
    socket.on("disconnect", (reason) => {
      this.#say("waiting");
      // The server ends a line when its token does; socket.io does not come back by itself then.
      if (reason === "io server disconnect") void this.#refresh(socket);
    });
    socket.on("connect_error", (error) => {
      this.#say("waiting");
      const code = error.data?.code;
      if (code === "BAD_CURSOR") this.#after = undefined;
      // Refused by the hub, not for want of a way to it: that socket.io tries again by itself.
      if (code?.startsWith("TOKEN_")) void this.#refresh(socket);
      else if (code) this.#again(socket);
    });
  }

  close() {
    this.#socket?.disconnect();
    this.#socket = null;
    this.#say("off");
  }

  // A token that ended: a new one, then the line again. Without one the session is over, and so is the line.
  async #refresh(socket) {
    if (this.#socket !== socket) return;
    try {
      if (!(await session.refresh())) return;
    } catch {
      // The hub is away: the line is tried again below.
    }
    this.#again(socket);
  }

  #again(socket) {
    setTimeout(() => this.#socket === socket && session.token && socket.connect(), AGAIN_MS);
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export const live = new Live();
