import { mergePatch } from "../domain/edits";
import { ValidationError } from "../contracts/errors";
import {
  ask,
  count,
  helpText,
  moment,
  oneOf,
  printing,
  since,
  usageText,
  type Args,
  type ReplCommand,
  type Subcommand,
  type Usage,
} from "./command";
import { byId, show, type LetterView } from "./dlq-show";

interface RedriveView {
  id: string;
  status: string;
  filter: Record<string, string>;
  perSecond: number;
  total: number;
  redriven: number;
  by: string;
  createdAt: string;
}

const LIMIT = 20;
const USAGE: Usage = [
  ["dlq list [filters] [--status S] [--limit N]", "open ones by default, the newest first"],
  ["dlq show <id>", "the message, why it failed, its history, what was around it"],
  ["dlq redrive <id> [--edit '<JSON>']", "send it again; --edit is merged into the message"],
  ["dlq redrive --all [filters] [--rate N]", "send all open ones of the filters again, N a second"],
  ["dlq redrives", "how far those are"],
  ["dlq stop <redriveId>", "stop one of those"],
  ["dlq discard <id> [--reason '<why>']", "give it up"],
  ["filters", "--kind, --channel, --type, --service, --reason, --key, --from, --to"],
];
const EXACT = ["kind", "channel", "type", "service", "reason", "key"] as const;

/** The filters among the options, as the admin calls take them. */
function filterOf(options: Args["options"]): Record<string, string> {
  const times = { from: moment(options.from), to: moment(options.to) };
  const all = { ...Object.fromEntries(EXACT.map((name) => [name, options[name]])), ...times };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

const list: Subcommand = async (broker, { options }, draw) => {
  const status = String(options.status ?? "open");
  const query = { ...filterOf(options), status, limit: String(count(options.limit, LIMIT)) };
  const { items, next } = await ask<{ items: LetterView[]; next: string | null }>(
    broker,
    "audit.deadLetters",
    { query },
  );
  const table = draw(
    ["dead letter", "type", "service", "reason", "attempts", "failures", "age"],
    items.map(({ id, type, service, reason, attempts, failures, failedAt }) => [
      id,
      type,
      service,
      reason,
      attempts,
      failures,
      since(failedAt),
    ]),
  );
  return next ? `${table}There are more: narrow it by a filter, or give a --limit up to 200.` : table;
};

const redrive: Subcommand = async (broker, args, draw) => {
  const { id, options } = args;
  if (options.all) return redriveAll(broker, args, draw);
  if (!id) return usageText(USAGE);
  const body = options.edit === undefined ? {} : { payload: await edited(String(options.edit)) };
  const { type, service, history } = await ask<LetterView>(broker, "audit.redrive", { ...byId(id), body });
  const last = history?.at(-1);
  const places = last?.what === "redriven" ? (last.edits ?? []).map(({ pointer }) => pointer) : [];
  const how = places.length > 0 ? ` with another ${places.join(", ")}` : "";
  return `${type} goes to ${service} again${how}. If it fails again it is open again: dlq show ${String(id)}`;

  async function edited(text: string): Promise<unknown> {
    let patch: unknown;
    try {
      patch = JSON.parse(text);
    } catch (error) {
      throw ValidationError.of("/edit", (error as Error).message);
    }
    return mergePatch((await ask<LetterView>(broker, "audit.deadLetter", byId(id))).payload, patch);
  }
};

const redriveAll: Subcommand = async (broker, { options }) => {
  const rate = options.rate === undefined ? {} : { perSecond: Number(options.rate) };
  const body = { ...filterOf(options), ...rate };
  const { id, total, perSecond } = await ask<RedriveView>(broker, "audit.redriveAll", { body });
  return `${total} dead letters are sent again, ${perSecond} a second (${id}). How far: dlq redrives`;
};

const redrives: Subcommand = async (broker, { options }, draw) => {
  const query = { limit: String(count(options.limit, LIMIT)) };
  const { items } = await ask<{ items: RedriveView[] }>(broker, "audit.redrives", { query });
  return draw(
    ["redrive", "status", "sent", "of", "a second", "filter", "by", "age"],
    items.map(({ id, status, redriven, total, perSecond, filter, by, createdAt }) => [
      id,
      status,
      redriven,
      total,
      perSecond,
      Object.entries(filter)
        .map((pair) => pair.join("="))
        .join(" ") || "all",
      by,
      since(createdAt),
    ]),
  );
};

const stop: Subcommand = async (broker, { id }) => {
  const { redriven, total } = await ask<RedriveView>(broker, "audit.stopRedrive", byId(id));
  return `Stopped after ${redriven} of ${total}.`;
};

const discard: Subcommand = async (broker, { id, options }) => {
  const body = options.reason === undefined ? {} : { reason: String(options.reason) };
  const { type } = await ask<LetterView>(broker, "audit.discard", { ...byId(id), body });
  return `${type} is discarded; it stays to be read: dlq list --status discarded`;
};

/** Messages that were put aside: to be read, sent again or given up. */
export const dlq: ReplCommand = {
  command: "dlq [what] [id]",
  description: helpText("Dead letters: read them, send them again, give them up.", USAGE),
  options: [
    { option: "--status <status>", description: "open (default), redriven or discarded" },
    { option: "--kind <kind>", description: "command or event" },
    { option: "--channel <name>", description: "the queue or topic, such as payments.charge" },
    { option: "--type <type>", description: "the message's type, such as OrderPlaced" },
    { option: "--service <name>", description: "the service that could not process it" },
    { option: "--reason <text>", description: "the reason's code; of a discard: why" },
    { option: "--key <id>", description: "the id of the aggregate, such as an order's" },
    { option: "--from <time>", description: "failed since: ISO 8601, or 30min, 2h, 1d ago" },
    { option: "--to <time>", description: "failed before" },
    { option: "--limit <n>", description: `how many, ${LIMIT} by default` },
    { option: "--edit <json>", description: "what to change in the message (a JSON merge patch)" },
    { option: "--all", description: "redrive all that the filters mean" },
    { option: "--rate <n>", description: "messages a second, 20 by default" },
  ],
  action: printing(oneOf({ list, show, redrive, redrives, stop, discard }, USAGE)),
};
