import type { ServiceBroker } from "moleculer";
import type { Page } from "../mixins/persistence/paging";
import type { ReplayView } from "../services/audit/replays";
import {
  ask,
  count,
  helpText,
  moment,
  printing,
  since,
  usageText,
  type Draw,
  type ReplCommand,
} from "./command";
import type { Usage } from "./command";

const LIMIT = 10;
const EVERY_MS = 200;
const USAGE: Usage = [
  ["replay", "what can be built again, and the last replays"],
  ["replay <projection> [--from <time>]", "build it again, all of it or what happened since then"],
  ["time", "ISO 8601, or how long ago: 30min, 2h, 1d"],
];

async function list(broker: ServiceBroker, limit: number, draw: Draw): Promise<string> {
  const query = { limit: String(limit) };
  const found = await ask<Page<ReplayView> & { projections: string[] }>(broker, "audit.replays", { query });
  const rows = found.items.map((replay) => [
    replay.id,
    replay.projection,
    replay.status,
    percent(replay),
    replay.events,
    replay.differences,
    replay.from ?? "the first event",
    since(replay.startedAt),
  ]);
  const head = ["replay", "projection", "status", "progress", "events", "differences", "from", "age"];
  return `${draw(head, rows)}Can be built again: ${found.projections.join(", ")}\n\n${usageText(USAGE)}`;
}

/** Resolves when it has ended; the progress goes to a terminal meanwhile. */
async function follow(broker: ServiceBroker, id: string): Promise<ReplayView> {
  for (;;) {
    const replay = await ask<ReplayView>(broker, "audit.replayOf", { params: { id } });
    if (process.stdout.isTTY) process.stdout.write(`\r${replay.projection} ${percent(replay)} `);
    if (replay.status !== "running") {
      if (process.stdout.isTTY) process.stdout.write("\r");
      return replay;
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

const percent = ({ progress }: ReplayView): string => `${Math.floor(progress * 100)} %`;

/** What came of a replay, in a line. */
function outcome({ projection, status, events, from, differences, error }: ReplayView): string {
  if (status === "failed") return `${projection} is as it was: ${error}`;
  const span = from ? `${events} events since ${from}` : `${events} events`;
  const found = differences === 0 ? "nothing was different" : `${differences} keys were different`;
  return `${projection} is rebuilt from ${span}; ${found}.`;
}

/** Builds a read model again from the event store. */
export const replay: ReplCommand = {
  command: "replay [projection]",
  description: helpText("read models, built again from the event store", USAGE),
  options: [
    { option: "--from <time>", description: "only what happened since; what is older is taken over" },
    { option: "--limit <n>", description: `how many replays are listed, ${LIMIT} by default` },
  ],
  action: printing(async (broker, { projection, options }, draw) => {
    if (!projection) return list(broker, count(options.limit, LIMIT), draw);
    const from = moment(options.from);
    const body = { projection: String(projection), ...(from !== undefined && { from }) };
    const { id } = await ask<ReplayView>(broker, "audit.replay", { body });
    const ended = await follow(broker, id);
    const rows = (ended.diff ?? []).map(({ key, live, rebuilt }) => [
      key,
      live ? Object.keys(live).join(" ") : "(none)",
      rebuilt ? Object.keys(rebuilt).join(" ") : "(none)",
    ]);
    return outcome(ended) + (rows.length > 0 ? `\n${draw(["key", "it had", "it has"], rows)}` : "");
  }),
};
