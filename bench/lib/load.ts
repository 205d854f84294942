import { ROOT, run } from "./child";

/** What autocannon found. Times in milliseconds. */
export interface LoadResult {
  perSecond: number;
  p50: number;
  p99: number;
  answered: number;
  /** Answers that were not 2xx, and requests without one. */
  failed: number;
}

export interface Load {
  url: string;
  token: string;
  body: unknown;
  connections: number;
  /** Seconds; or a number of requests. */
  seconds?: number;
  amount?: number;
}

interface AutocannonResult {
  requests: { total: number };
  latency: { p50: number; p99: number };
  duration: number;
  non2xx: number;
  errors: number;
}

/** POSTs one body from many connections, by autocannon in a process of its own. */
export async function load({ url, token, body, connections, seconds, amount }: Load): Promise<LoadResult> {
  const bounds = amount ? ["--amount", String(amount)] : ["--duration", String(seconds)];
  const text = await run([
    `${ROOT}/node_modules/autocannon/autocannon.js`,
    ...["--json", "--no-progress", "--connections", String(connections), ...bounds],
    ...["--method", "POST", "--body", JSON.stringify(body)],
    ...["--headers", "content-type=application/json", "--headers", `authorization=Bearer ${token}`],
    url,
  ]);
  const { requests, latency, duration, non2xx, errors } = JSON.parse(text) as AutocannonResult;
  return {
    perSecond: requests.total / duration,
    p50: latency.p50,
    p99: latency.p99,
    answered: requests.total,
    failed: non2xx + errors,
  };
}
