import { api } from "../api.js";
import { live } from "../socket.js";
import { session } from "../session.js";
import { all } from "./plans.js";

const PATH = "/api/notifications";

/** How many marks are on their way to the hub at a time. */
const AT_ONCE = 6;

const tellRead = ({ id }) => api.post(`${PATH}/${encodeURIComponent(id)}/read`);

/** One's notifications: loaded once, then kept up by the live line. `change` and `arrival` are its events. */
class Notifications extends EventTarget {
  #byId = new Map();
  #owner = null;
  loaded = false;
  error = null;

  constructor() {
    super();
    live.addEventListener("notification", (event) => this.#arrive(event.detail));
    // What came between the list and the connection, or while the line was down.
    live.addEventListener("connect", () => this.#catchUp());
  }

  /** Newest first. */
  get items() {
    return [...this.#byId.values()].reverse();
  }
  get unread() {
    return this.items.filter((item) => !item.read).length;
  }

  /** Starts for the user that is signed in, or stops when nobody is. */
  async start() {
    const owner = session.user?.id ?? null;
    if (owner === this.#owner) return;
    this.#owner = owner;
    this.#byId.clear();
    this.loaded = false;
    this.error = null;
    live.close();
    this.#changed();
    if (owner) await this.load();
  }

  /** Loads all of them, then opens the live line after the last. */
  async load() {
    const owner = this.#owner;
    await this.#fill();
    if (owner === this.#owner && owner) live.open(this.#last());
  }

  async markRead(item) {
    if (item.read) return;
    this.#byId.set(item.id, { ...item, read: true });
    this.#changed();
    await tellRead(item);
  }

  async markAllRead() {
    const owner = this.#owner;
    const unread = this.items.filter((item) => !item.read);
    for (const item of unread) this.#byId.set(item.id, { ...item, read: true });
    this.#changed();
    // All of them take from one queue, which ends with the session.
    const queue = unread.values();
    const takeAll = async () => {
      for (const item of queue) if (owner === this.#owner) await tellRead(item);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, takeAll));
  }

  /** Takes the whole list: nothing of it is new. */
  async #fill() {
    const owner = this.#owner;
    try {
      const items = await all(PATH);
      if (owner !== this.#owner) return;
      // What the live line brought meanwhile is later than the list.
      this.#byId = new Map([...items.map((item) => [item.id, item]), ...this.#byId]);
      this.loaded = true;
      this.error = null;
    } catch (error) {
      if (owner !== this.#owner) return;
      if (!this.loaded) this.error = error;
    }
    this.#changed();
  }

  async #catchUp() {
    if (!this.loaded) return this.#fill();
    const owner = this.#owner;
    try {
      const missed = await all(PATH, { after: this.#last() });
      if (owner === this.#owner) for (const item of missed) this.#arrive(item);
    } catch {
      // The next connection asks again.
    }
  }

  #arrive(item) {
    if (!this.#owner || this.#byId.has(item.id)) return;
    this.#byId.set(item.id, item);
    this.#changed();
    this.dispatchEvent(new CustomEvent("arrival", { detail: item }));
  }

  #last() {
    return [...this.#byId.keys()].at(-1);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

export const notifications = new Notifications();
