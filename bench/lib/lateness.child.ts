import { TransientError } from "../../contracts/errors";
import type { Bench } from "../ours/adapter";
import { connect, subscription } from "../ours/adapter";
import { messages } from "./rig";

/** Milliseconds: the delay that is asked for, and the time between two messages. */
const DELAY = 1_000;
const EVERY = 5;

/** How late second attempts come: `lateness.child.ts MODULE COUNT`; prints milliseconds over the delay as JSON. */
async function main([module = "", count = "0"]: string[]): Promise<void> {
  const { make } = (await import(module)) as { make(): Bench };
  const { adapter, channel, remove } = make();
  await connect(adapter);
  const failedAt = new Map<string, number>();
  const late: number[] = [];
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  await adapter.subscribe(
    subscription(
      channel,
      async (payloads, deliveries) =>
        payloads.map((payload, i) => {
          const { key } = payload as { key: string };
          if (deliveries[i]?.attempt === 1) {
            failedAt.set(key, performance.now());
            return new TransientError("BENCH", "Again, please.");
          }
          late.push(performance.now() - (failedAt.get(key) ?? NaN) - DELAY);
          if (late.length === Number(count)) done();
          return null;
        }),
      { delays: [DELAY], jitter: 0 },
    ),
  );
  for (const message of messages(Number(count))) {
    void adapter.publish(channel, message, { key: (message as { key: string }).key });
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  await all;
  await adapter.disconnect();
  await remove();
  process.stdout.write(JSON.stringify(late));
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
