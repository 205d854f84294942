import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Value {
  stringValue?: string;
  intValue?: string;
  boolValue?: boolean;
  doubleValue?: number;
}

/** A span as OTLP's JSON has it, its attributes as a record. */
export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  status: { code: number };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Record<string, string>;
  /** The node that it comes from. */
  node: string;
}

interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: Value }[] };
    scopeSpans: {
      spans: (Omit<CollectedSpan, "attributes" | "node"> & { attributes: { key: string; value: Value }[] })[];
    }[];
  }[];
}

/** A collector of spans (OTLP over HTTP, JSON) in this process. */
export interface Collector {
  url: string;
  spans: CollectedSpan[];
  /** Every request's body and headers, as they came. */
  texts: string[];
  /** What it answers; 200 unless a test says otherwise. */
  status: number;
  stop(): Promise<void>;
}

const textOf = ({ stringValue, intValue, boolValue, doubleValue }: Value): string =>
  String(stringValue ?? intValue ?? boolValue ?? doubleValue);

const recordOf = (attributes: { key: string; value: Value }[]): Record<string, string> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, textOf(value)]));

export async function startCollector(): Promise<Collector> {
  const collector: Collector = { url: "", spans: [], texts: [], status: 200, stop: async () => undefined };
  const server = createServer((req, res) => {
    let body = "";
    req.setEncoding("utf8");
    req.on("data", (part: string) => (body += part));
    req.on("end", () => {
      res.writeHead(req.url === "/v1/traces" ? collector.status : 404).end("{}");
      collector.texts.push(`${JSON.stringify(req.headers)}\n${body}`);
      if (collector.status !== 200) return;
      for (const { resource, scopeSpans } of (JSON.parse(body) as Export).resourceSpans)
        for (const span of scopeSpans.flatMap(({ spans }) => spans))
          collector.spans.push({
            ...span,
            attributes: recordOf(span.attributes),
            node: recordOf(resource.attributes)["service.instance.id"] ?? "",
          });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  collector.stop = () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return collector;
}
