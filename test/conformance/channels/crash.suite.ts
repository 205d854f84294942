import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NODE } from "../../support/process";
import { numbers } from "./harness";
import type { Use } from "./channels.suite";

const [node, ...args] = NODE;

/** What happens when the process that consumes is killed. */
export function crashConformance(use: Use): void {
  it("delivers again what was in effect but not acknowledged when the process was killed", async () => {
    const hub = use();
    const group = hub.group();
    const folder = mkdtempSync(join(tmpdir(), "hub-crash-"));
    const effects = join(folder, "effects");
    const writer = await hub.node();
    await Promise.all(numbers(30).map((n) => writer.publish(hub.channel, { n }, { key: `k${n}` })));
    await hub.stopAll();
    const { module, argument } = await hub.kit.handOver();
    const run = (killAt: number) =>
      spawn(
        node,
        [
          ...args,
          join(__dirname, "crash-consumer.ts"),
          JSON.stringify({ module, argument, channel: hub.channel, group, effects, killAt }),
        ],
        { stdio: "inherit" },
      );
    const stored = () =>
      existsSync(effects) ? readFileSync(effects, "utf8").split("\n").filter(Boolean).map(Number) : [];

    try {
      const killed = run(12);
      const signal = await new Promise((resolve) => killed.once("exit", (_code, name) => resolve(name)));
      expect(signal).toBe("SIGKILL");
      const inEffect = stored();
      const lastOne = inEffect[inEffect.length - 1];

      const next = run(-1);
      const exit = new Promise((resolve) => next.once("exit", resolve));
      await hub.until(() => new Set(stored()).size === 30);
      await hub.until(() => stored().filter((n) => n === lastOne).length >= 2);
      next.kill("SIGTERM");
      await exit;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
