import { EmbeddedAdapter } from "../../channels/embedded";
import { SqliteEngine } from "../../store/sqlite/engine";
import type { Rig } from "../lib/rig";
import { rigOf, type Bench } from "./adapter";

/** The embedded log, in `DATA_DIR`. */
export function make(): Bench {
  const engine = SqliteEngine.acquire(process.env.DATA_DIR ?? ".");
  return {
    adapter: new EmbeddedAdapter({ kind: "event", engine: () => engine }),
    channel: "bench",
    async remove() {
      engine.release();
    },
  };
}

export const open = (): Promise<Rig> => rigOf(make());
