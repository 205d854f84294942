import { dirname, join } from "node:path";
import serveStatic from "serve-static";

/** Serves the browser's copy of socket.io out of node_modules, so that the pages ask no other host. */
export function serveVendor(): ReturnType<typeof serveStatic> {
  const folder = join(dirname(require.resolve("socket.io/package.json")), "client-dist");
  return serveStatic(folder, { index: false, maxAge: "1h" });
}
