import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { NODE } from "../../support/process";

const [node, ...args] = NODE;
const ROUNDS = 25;

/** Lets a child write, kills it with -9 in the middle, and gives the ids whose writes it saw acknowledged. */
export async function writeUntilKilled(dataDir: string, mongoUrl = ""): Promise<{ updated: string[] }> {
  const script = join(__dirname, "write-load.ts");
  const child = spawn(node, [...args, script, dataDir, mongoUrl], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const updated: string[] = [];
  let rounds = 0;
  // The last line may be cut off in the middle: what was not told was not acknowledged.
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.endsWith("]}")) updated.push(...(JSON.parse(line) as { updated: string[] }).updated);
    if (++rounds === ROUNDS) child.kill("SIGKILL");
  }
  await exited;
  if (rounds < ROUNDS) throw new Error("The child ended before it was killed.");
  return { updated };
}
