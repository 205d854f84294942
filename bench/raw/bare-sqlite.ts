import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { serve } from "./http";

/** By hand: `node:http`, the token check, and one SQLite commit for each request. */
const db = new DatabaseSync(join(process.env.DATA_DIR ?? ".", "bare.sqlite"));
db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
db.exec("CREATE TABLE orders (id TEXT PRIMARY KEY, doc TEXT NOT NULL)");
const insert = db.prepare("INSERT INTO orders (id, doc) VALUES (?, ?)");

// The statement alone does not keep the database from being collected.
process.once("exit", () => db.close());
serve((order) => void insert.run(order.id, JSON.stringify(order)));
