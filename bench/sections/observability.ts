import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { randomUUID } from "node:crypto";
import { loadConfig } from "../../config";
import { Counter, Histogram } from "../../mixins/telemetry/metrics-series";
import { startNode } from "../../node";
import { HubClient } from "../../scripts/demo/client";
import { temporaryFolder } from "../lib/child";
import { ORDER } from "../lib/hub";
import { load } from "../lib/load";
import { perSecond } from "../lib/stats";
import type { Options, Report } from "./section";

const WARM_UP_MS = 3_000;
/** How long one way of running holds before the next has its turn, and what of it is not looked at. */
const TURN_MS = 500;
const SETTLE_MS = 50;

interface Sum {
  accepted: number;
  /** Microseconds of all threads. */
  cpu: number;
  ms: number;
}

/**
 * What metrics and traces cost on accepted orders: one hub under one load, that is switched between the
 * ways every half second, so that a machine that is slower for a while is slower for all of them.
 */
export async function observability({ connections, seconds, rounds }: Options): Promise<Report> {
  const collector = createServer((req, res) => req.resume().on("end", () => res.end("{}")));
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { broker, stop } = await startNode(
    loadConfig({
      PORT: "0",
      DATA_DIR: temporaryFolder(),
      RATE_LIMIT: "off",
      LOG_LEVEL: "error",
      ADMIN_PASSWORD: randomUUID(),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      ...Object.fromEntries(
        ["MONGO_URL", "COMMANDS_URL", "EVENTS_URL"].map((name) => [name, process.env[name] ?? ""]),
      ),
    }),
  );
  const { server } = broker.getLocalService("api") as unknown as { server: Server };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const person = { email: `${randomUUID()}@bench.test`, password: randomUUID() };
  const hub = new HubClient(url);
  const { body } = await hub.ok(hub.post<{ accessToken: string }>("/api/auth/register", person));

  let accepted = 0;
  server.on("request", (_req, res) => {
    res.once("close", () => (accepted += res.statusCode === 202 ? 1 : 0));
  });
  const ways: Record<string, () => void> = {
    "neither metrics nor traces": () => {
      switchMetrics(false);
      if (broker.hub.tracing) broker.hub.tracing.ratio = 0;
    },
    metrics: () => {
      switchMetrics(true);
      if (broker.hub.tracing) broker.hub.tracing.ratio = 0;
    },
    "metrics, one request in ten traced": () => {
      switchMetrics(true);
      if (broker.hub.tracing) broker.hub.tracing.ratio = 0.1;
    },
  };
  const names = Object.keys(ways);
  const sums = new Map<string, Sum>(names.map((name) => [name, { accepted: 0, cpu: 0, ms: 0 }]));
  const turns = Math.max(1, Math.round((seconds * rounds * 1_000) / TURN_MS));
  const all = WARM_UP_MS + names.length * turns * TURN_MS + 1_000;
  const running = load({
    url: `${url}/api/orders`,
    token: body.accessToken,
    body: ORDER,
    connections,
    seconds: Math.ceil(all / 1_000),
  });
  await pause(WARM_UP_MS);
  for (let turn = 0; turn < turns * names.length; turn++) {
    // Each way follows each other one as often.
    const name = names[(turn + Math.floor(turn / names.length)) % names.length] as string;
    ways[name]?.();
    await pause(SETTLE_MS);
    const before = { accepted, cpu: process.cpuUsage(), at: performance.now() };
    await pause(TURN_MS - SETTLE_MS);
    const { user, system } = process.cpuUsage(before.cpu);
    const sum = sums.get(name) as Sum;
    sum.accepted += accepted - before.accepted;
    sum.cpu += user + system;
    sum.ms += performance.now() - before.at;
  }
  switchMetrics(true);
  const { failed } = await running;
  await stop();
  collector.close();

  const rate = ({ accepted: n, ms }: Sum): number => (n / ms) * 1_000;
  const least = rate(sums.get(names[0] as string) as Sum);
  return {
    title: `observability: accepted orders with metrics and traces, ${connections} connections, ${turns} turns of ${TURN_MS} ms each`,
    rows: [
      ["", "accepted", "CPU an order", "cost"],
      ...[...sums].map(([name, sum]) => [
        name,
        perSecond(rate(sum)),
        `${(sum.cpu / sum.accepted).toFixed(0)} us`,
        `${(100 * (1 - rate(sum) / least)).toFixed(1)} %`,
      ]),
    ],
    notes: failed > 0 ? [`${failed} requests FAILED`] : [],
  };
}

const real = {
  observe: Histogram.prototype.observe,
  inc: Counter.prototype.inc,
};

/** Metrics cannot be switched off in the hub; here they are, by taking their work away. */
function switchMetrics(on: boolean): void {
  Histogram.prototype.observe = on ? real.observe : () => undefined;
  Counter.prototype.inc = on ? real.inc : () => undefined;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
