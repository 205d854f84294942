/** A small HTTP client for tests: JSON in, status, headers and JSON out; it never throws on a status. */
export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

/** What a refused call answers. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  errors: { pointer: string; detail: string }[];
  orderId?: string;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface MoneyView {
  amount: number;
  currency: string;
}

export interface OrderView {
  id: string;
  userId: string;
  status: "PENDING" | "PAID" | "ACTIVE" | "PAYMENT_FAILED" | "REJECTED" | "CANCELLED";
  items: { planId: string; quantity: number; unitPrice: MoneyView }[];
  total: MoneyView;
  reason?: string;
  refund?: "none" | "pending" | "done";
  createdAt: string;
  updatedAt: string;
  version: number;
}

export interface UserView {
  id: string;
  email: string;
  name: string | null;
  role: "user" | "admin";
  createdAt: string;
}

export interface Session {
  user: UserView;
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
}

export interface NotificationView {
  id: string;
  type: string;
  orderId: string;
  title: string;
  body: string;
  createdAt: string;
  read: boolean;
}

export interface StockView {
  planId: string;
  seats: number | null;
  available: number | null;
  reserved: number;
}

export interface PaymentView {
  id: string;
  orderId: string;
  amount: number;
  currency: string;
  status: "pending" | "succeeded" | "failed" | "refunded" | "unknown";
  attempts: number;
  createdAt: string;
}

export interface EventView {
  id: string;
  eventId: string;
  eventType: string;
  timestamp: string;
  version: string;
  source: string;
  correlationId: string;
  causationId: string;
  key: string;
  sequence: number;
  data: Record<string, unknown>;
}

export interface DeadLetterView {
  id: string;
  kind: "command" | "event";
  channel: string;
  type: string;
  messageId: string;
  key: string | null;
  correlationId: string | null;
  service: string;
  reason: string;
  error: { name: string; message: string; stack: string };
  attempts: number;
  headers: Record<string, string>;
  payload: unknown;
  failedAt: string;
  status: "open" | "redriven" | "discarded";
}

export interface Reconciliation {
  orders: number;
  charges: number;
  refunds: number;
  mismatches: { orderId: string; expected: string; found: string }[];
}

export interface Stats {
  orders: Partial<Record<OrderView["status"], number>>;
  revenue: MoneyView[];
  outbox: { pending: number; oldestSeconds: number };
  lag: Record<string, number>;
  deadLetters: number;
  stuck: number;
}

type HeaderFields = Record<string, string>;

export class Client {
  constructor(
    readonly url: string,
    readonly token?: string,
  ) {}

  /** The same hub, seen by somebody else. */
  as(token: string | undefined): Client {
    return new Client(this.url, token);
  }

  get<T = Problem>(path: string, headers?: HeaderFields): Promise<Answer<T>> {
    return this.call<T>("GET", path, undefined, headers);
  }

  post<T = Problem>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<T>> {
    return this.call<T>("POST", path, body, headers);
  }

  put<T = Problem>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<T>> {
    return this.call<T>("PUT", path, body, headers);
  }

  patch<T = Problem>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<T>> {
    return this.call<T>("PATCH", path, body, headers);
  }

  delete<T = Problem>(path: string, headers?: HeaderFields): Promise<Answer<T>> {
    return this.call<T>("DELETE", path, undefined, headers);
  }

  call<T = Problem>(
    method: string,
    path: string,
    body?: unknown,
    headers: HeaderFields = {},
  ): Promise<Answer<T>> {
    const json = body === undefined ? undefined : JSON.stringify(body);
    return this.send<T>(method, path, json, {
      ...(json !== undefined && { "content-type": "application/json" }),
      ...headers,
    });
  }

  /** Sends a text as it is: perhaps not JSON. */
  async send<T = Problem>(
    method: string,
    path: string,
    text: string | undefined,
    headers: HeaderFields = {},
  ): Promise<Answer<T>> {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(this.token && { authorization: `Bearer ${this.token}` }), ...headers },
      ...(text !== undefined && { body: text }),
    });
    const answer = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson && answer ? JSON.parse(answer) : answer) as T,
    };
  }

  /** All items of a list, page by page. */
  async all<T>(path: string, limit = 200): Promise<T[]> {
    const items: T[] = [];
    const glue = path.includes("?") ? "&" : "?";
    for (let after: string | null = ""; after !== null;) {
      const cursor: string = after && `&after=${encodeURIComponent(after)}`;
      const { status, body } = await this.get<Page<T>>(`${path}${glue}limit=${limit}${cursor}`);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
      items.push(...body.items);
      after = body.next;
    }
    return items;
  }
}
