import { appendFileSync } from "node:fs";
import { HubNode } from "./hub-node";
import type { ChildModule } from "./kit";

interface Task {
  module: string;
  argument: string;
  channel: string;
  group: string;
  /** A file: one line for each effect. */
  effects: string;
  /** The process kills itself after this many effects, before any acknowledgement of the last one. */
  killAt: number;
}

/** A consumer in a process of its own, which dies between an effect and its acknowledgement. */
async function main(task: Task): Promise<void> {
  const { childAdapter, kind } = (await import(task.module)) as ChildModule;
  let count = 0;
  const handler = (payload: unknown) => {
    appendFileSync(task.effects, `${(payload as { n: number }).n}\n`);
    if (++count === task.killAt) process.kill(process.pid, "SIGKILL");
  };
  const { channel, group } = task;
  const node = await HubNode.start(childAdapter(task.argument), kind, [
    { channel, group, handler, maxInFlight: 4 },
  ]);
  const alive = setInterval(() => undefined, 1_000);
  process.once("SIGTERM", () => {
    clearInterval(alive);
    void node.stop().then(() => process.exit(0));
  });
}

void main(JSON.parse(process.argv[2]) as Task);
