/** W3C Trace Context: https://www.w3.org/TR/trace-context/#traceparent-header. */
export interface TraceParent {
  /** 32 lower-case hex digits. */
  traceId: string;
  /** 16 lower-case hex digits: the span that what follows belongs under. */
  spanId: string;
  sampled: boolean;
}

/** The header of HTTP requests and of messages. */
export const TRACEPARENT = "traceparent";

const FORMAT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
const SAMPLED = 1;

/** Reads a `traceparent`; null when it is none that may be followed. */
export function parseTraceparent(text: unknown): TraceParent | null {
  const [whole, traceId = "", spanId = "", flags = ""] =
    (typeof text === "string" && FORMAT.exec(text)) || [];
  // Version 00 ends with its flags; a later one may say more, which is not read.
  if (!whole || (whole.startsWith("00") && text !== whole)) return null;
  return { traceId, spanId, sampled: (parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The `traceparent` of a span that is sampled. */
export const formatTraceparent = (traceId: string, spanId: string): string => `00-${traceId}-${spanId}-01`;
