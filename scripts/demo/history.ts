import type { Check } from "./books";
import type { HubClient } from "./client";

interface Replay {
  id: string;
  status: "running" | "done" | "failed";
  events: number;
  differences: number;
}

const EVERY_MS = 200;

/** Builds the dashboard again from the events of this run and all before: it must be what the live one is. */
export async function historyAgrees(admin: HubClient): Promise<Check> {
  const { body } = await admin.ok(admin.post<Replay>("/api/admin/replays", { projection: "dashboard" }));
  let replay = body;
  while (replay.status === "running") {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    replay = (await admin.ok(admin.get<Replay>(`/api/admin/replays/${replay.id}`))).body;
  }
  return {
    name: "the dashboard, built again from history, is the live one",
    holds: replay.status === "done" && replay.differences === 0,
    found: `${replay.status}, ${replay.events} events, ${replay.differences} differences`,
  };
}
