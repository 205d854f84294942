import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedAdapter } from "../../../channels/embedded";
import { DEAD_LETTERS } from "../../../channels/types";
import type { DeadLetter } from "../../../contracts/dead-letter";
import { SqliteEngine } from "../../../store/sqlite/engine";
import type { ChannelKit } from "./kit";

/** The embedded channels on a throw-away folder. */
export function embeddedKit(kind: "command" | "event"): ChannelKit {
  const folder = mkdtempSync(join(tmpdir(), "hub-channels-"));
  let held: SqliteEngine | null = null;
  const engine = () => (held ??= SqliteEngine.acquire(folder));
  const letGo = () => {
    held?.release();
    held = null;
  };
  const adapter = () => new EmbeddedAdapter({ engine, kind, leaveTimeout: 1_000 });
  return {
    name: `embedded ${kind}s`,
    kind,
    adapter,
    channel: () => `test.${randomUUID().slice(0, 8)}`,
    async publishRaw(channel, bytes) {
      const foreign = adapter();
      await foreign.connect();
      await foreign.publishRaw(channel, bytes);
    },
    async readDeadLetters(channel) {
      const sql = `SELECT payload FROM hub_${kind}_messages WHERE channel = ? ORDER BY seq`;
      const rows = engine().read(() => engine().prepare(sql).all(DEAD_LETTERS)) as { payload: string }[];
      return rows
        .map(({ payload }) => JSON.parse(payload) as DeadLetter)
        .filter((letter) => letter.channel === channel);
    },
    async handOver() {
      letGo();
      return { module: join(__dirname, `embedded-${kind}.child.ts`), argument: folder };
    },
    async close() {
      letGo();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
