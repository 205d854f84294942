import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder of package.json, from the sources and from `dist/` alike. */
export const ROOT: string = (function find(folder: string): string {
  return existsSync(join(folder, "package.json")) ? folder : find(dirname(folder));
})(__dirname);
