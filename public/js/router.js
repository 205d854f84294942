import { put } from "./dom.js";
import { session } from "./session.js";

/**
 * Hash routes: `#/orders/:id?at=`. A page is `(context) => Node`, with `context` = `{params, query, signal}`;
 * `signal` aborts when the page is left, and with it every request, timer and listener that took it.
 */
export class Router {
  #routes = [];
  #leaving = new AbortController();
  #first = true;

  constructor(main, { notFound, forbidden, onRoute }) {
    Object.assign(this, { main, notFound, forbidden, onRoute });
  }

  /** `access`: "all", "user" or "admin". */
  add(pattern, page, { title, access = "user" }) {
    const names = [];
    const source = pattern.replace(/:(\w+)/g, (_, name) => names.push(name) && "([^/]+)");
    this.#routes.push({ match: new RegExp(`^${source}$`), names, page, title, access });
    return this;
  }

  start() {
    addEventListener("hashchange", () => this.show());
    session.addEventListener("user", () => this.show());
    this.show();
  }

  show() {
    const [path, search = ""] = (location.hash.slice(1) || "/plans").split("?");
    // An anchor of this page (the skip link), not a route.
    if (!path.startsWith("/")) return;
    const query = Object.fromEntries(new URLSearchParams(search));
    const { route, params } = this.#find(path);

    if (route && route.access !== "all" && !session.user) {
      location.replace(`#/sign-in?next=${encodeURIComponent(location.hash.slice(1))}`);
      return;
    }
    this.#leaving.abort();
    this.#leaving = new AbortController();
    const isForbidden = route?.access === "admin" && !session.isAdmin;
    const page = isForbidden ? this.forbidden : (route?.page ?? this.notFound);
    const title = isForbidden ? "Not allowed" : (route?.title ?? "Not found");
    document.title = `${title} · Subscription Hub`;
    put(this.main, page({ params, query, signal: this.#leaving.signal }));
    this.onRoute(path);
    if (!this.#first) {
      scrollTo(0, 0);
      this.main.querySelector("h1")?.focus({ preventScroll: true });
    }
    this.#first = false;
  }

  #find(path) {
    for (const route of this.#routes) {
      const found = route.match.exec(path);
      if (!found) continue;
      try {
        const values = found.slice(1).map(decodeURIComponent);
        return { route, params: Object.fromEntries(route.names.map((name, i) => [name, values[i]])) };
      } catch {
        // Not an address that anything here made: "%E0%A4%A" is no text.
        break;
      }
    }
    return { route: null, params: {} };
  }
}

/** Goes to a route. */
export const go = (path) => {
  location.hash = path;
};
