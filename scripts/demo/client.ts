import type { FieldError } from "../../contracts/errors";
import type { Problem } from "../../contracts/problem";

/** An answer of the hub, read as JSON. */
export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
  /** Milliseconds from the last try's first byte out to its last byte in. */
  took: number;
}

interface Call {
  body?: unknown;
  headers?: Record<string, string>;
}

/** What an answer that is no good says, in a line: a problem's code and details, anything else as it is. */
function told({ status, body }: Answer<unknown>): string {
  const { code, detail, errors } = (body ?? {}) as Partial<Problem>;
  if (!code || !detail) return `${status} ${JSON.stringify(body)}`;
  const fields = (errors as FieldError[] | undefined)?.map((e) => `${e.pointer} ${e.detail}`).join("; ");
  return `${status} ${code}: ${fields ?? detail}`;
}

/** How often a request that was told to slow down, or met a hub that could not answer, is made again. */
const TRIES = 20;
const LONGEST_WAIT_MS = 60_000;

/** One user's HTTP client. It waits when it is told to (429 and 503 with `Retry-After`). */
export class HubClient {
  /** How often it had to wait. */
  waits = 0;

  constructor(
    readonly url: string,
    private readonly token?: string,
  ) {}

  as(token: string): HubClient {
    return new HubClient(this.url, token);
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.call<T>("GET", path);
  }

  post<T>(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>> {
    return this.call<T>("POST", path, { body, headers });
  }

  put<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.call<T>("PUT", path, { body });
  }

  patch<T>(path: string, body: unknown): Promise<Answer<T>> {
    return this.call<T>("PATCH", path, { body });
  }

  /** The items of all pages of a list, as long as `more` wants to go on after one. */
  async all<T>(path: string, more: (page: T[]) => boolean = () => true): Promise<T[]> {
    const items: T[] = [];
    for (let after: string | null = ""; after !== null;) {
      const cursor: string = after && `&after=${encodeURIComponent(after)}`;
      const { body }: Answer<{ items: T[]; next: string | null }> = await this.ok(
        this.get(`${path}${path.includes("?") ? "&" : "?"}limit=200${cursor}`),
      );
      items.push(...body.items);
      after = more(body.items) ? body.next : null;
    }
    return items;
  }

  /** The answer of a call that must succeed. @throws Error with what the hub said instead */
  async ok<T>(call: Promise<Answer<T>>): Promise<Answer<T>> {
    const answer = await call;
    if (answer.status >= 400) throw new Error(told(answer));
    return answer;
  }

  private async call<T>(method: string, path: string, { body, headers }: Call = {}): Promise<Answer<T>> {
    for (let left = TRIES; ; left--) {
      const from = performance.now();
      const response = await fetch(this.url + path, {
        method,
        headers: {
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(this.token && { authorization: `Bearer ${this.token}` }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const took = performance.now() - from;
      if ((response.status !== 429 && response.status !== 503) || left === 0)
        return {
          status: response.status,
          headers: response.headers,
          body: (text ? JSON.parse(text) : null) as T,
          took,
        };
      this.waits++;
      const seconds = Number(response.headers.get("retry-after") ?? 1);
      await new Promise((resolve) => setTimeout(resolve, Math.min(seconds * 1_000, LONGEST_WAIT_MS)));
    }
  }
}
