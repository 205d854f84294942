import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mongoose from "mongoose";
import { emptyChannels } from "./channels";

export const ADMIN = { email: "admin@hub.test", password: "an admin's password" };

export type Settings = Record<string, string>;

/** A throw-away place for one hub: a data folder, and on real servers a database and channels with nothing in them. */
export interface Place {
  settings: Settings;
  dataDir: string;
  /** Removes what the hub left behind. */
  remove(): Promise<void>;
}

/** True on the embedded default: no server is named in the environment. */
export const EMBEDDED = !["MONGO_URL", "COMMANDS_URL", "EVENTS_URL", "TRANSPORTER"].some(
  (name) => process.env[name],
);

/** Makes a place, on the servers that the environment names: each suite has a database of its own there. */
export async function makePlace(own: Settings = {}): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), "hub-test-"));
  const { MONGO_URL, COMMANDS_URL, EVENTS_URL, TRANSPORTER } = process.env;
  const mongo = MONGO_URL && ownDatabase(MONGO_URL);
  await emptyChannels({ commandsUrl: COMMANDS_URL, eventsUrl: EVENTS_URL });
  const settings: Settings = {
    PORT: "0",
    DATA_DIR: dataDir,
    RATE_LIMIT: "off",
    LOGIN_RATE_LIMIT: "off",
    LOG_LEVEL: "off",
    ADMIN_EMAIL: ADMIN.email,
    ADMIN_PASSWORD: ADMIN.password,
    ...(mongo && { MONGO_URL: mongo }),
    ...(COMMANDS_URL && { COMMANDS_URL }),
    ...(EVENTS_URL && { EVENTS_URL }),
    ...(TRANSPORTER && { TRANSPORTER }),
    ...own,
  };
  return {
    settings,
    dataDir,
    async remove() {
      rmSync(dataDir, { recursive: true, force: true });
      if (mongo) await dropDatabase(mongo);
    },
  };
}

function ownDatabase(url: string): string {
  const own = new URL(url);
  own.pathname = `/test_${randomUUID().slice(0, 8)}`;
  return own.href;
}

async function dropDatabase(url: string): Promise<void> {
  const connection = await mongoose.createConnection(url).asPromise();
  await connection.dropDatabase();
  await connection.close();
}
