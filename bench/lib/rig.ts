/** A client of a broker under test: the hub's adapter, or the raw client used by hand. */
export interface Rig {
  /** Publishes messages, all of them under way at once; resolves when each is confirmed. */
  publish(messages: object[]): Promise<void>;
  /** Starts to consume; `got` hears how many messages came each time. They are acknowledged. */
  consume(got: (count: number) => void): Promise<void>;
  close(): Promise<void>;
}

/** The relay sends at most this many at once; so does the bench. */
export const AT_ONCE = 512;

/** A message as large as the hub's events are, about 600 bytes. */
export const messages = (count: number): object[] =>
  Array.from({ length: count }, (_, n) => ({
    eventId: `01a1fca3-aa4d-75ab-9a7d-${String(n).padStart(12, "0")}`,
    eventType: "PaymentProcessed",
    timestamp: "2026-01-01T12:00:00.000Z",
    version: "1.0",
    source: "payments",
    correlationId: "c5e14d13-bb82-5a85-92ed-8ec3e33a9512",
    causationId: "01a1fca3-aa83-7482-b86c-e08d6b147f88",
    key: `01a1fca3-aa4d-75ab-9a7d-${String(n).padStart(12, "0")}`,
    sequence: 1,
    data: {
      orderId: "01a1fca3-aa4d-75ab-9a7d-e2d7b9bea000",
      amount: 900,
      currency: "EUR",
      note: "x".repeat(180),
    },
  }));
