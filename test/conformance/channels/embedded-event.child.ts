import { EmbeddedAdapter } from "../../../channels/embedded";
import { SqliteEngine } from "../../../store/sqlite/engine";

export const kind = "event";

/** The adapter of the crash test's child process, on the folder that the parent let go. */
export function childAdapter(folder: string): EmbeddedAdapter {
  const engine = SqliteEngine.acquire(folder);
  return new EmbeddedAdapter({ engine: () => engine, kind });
}
