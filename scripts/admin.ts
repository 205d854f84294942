import { HubClient } from "./demo/client";

/** What says which hub is meant and who asks; the environment's values are the defaults. */
export const ADMIN_OPTIONS = {
  "admin-email": { type: "string", default: process.env.ADMIN_EMAIL || "admin@hub.local" },
  "admin-password": { type: "string", default: process.env.ADMIN_PASSWORD },
} as const;

interface AdminValues {
  "admin-email"?: string;
  "admin-password"?: string;
}

/** A client of the hub at a URL, or at HUB_URL, or here. @throws Error when none answers */
export async function hubAt(url: string | undefined): Promise<HubClient> {
  const base = (url ?? process.env.HUB_URL ?? "http://localhost:3000").replace(/\/$/, "");
  const hub = new HubClient(base);
  await hub.get("/health/live").catch(() => {
    throw new Error(`No hub answers at ${base}. Start one with npm start.`);
  });
  return hub;
}

/** An administrator's client of a running hub. @throws Error that says what is missing */
export async function signInAdmin(hub: HubClient, values: AdminValues): Promise<HubClient> {
  const password = values["admin-password"];
  if (!password) throw new Error("This needs --admin-password (or ADMIN_PASSWORD).");
  const credentials = { email: values["admin-email"], password };
  const { body } = await hub.ok(hub.post<{ accessToken: string }>("/api/auth/login", credentials));
  return hub.as(body.accessToken);
}
