import type { DeadLetter } from "../contracts/dead-letter";
import { ask, count, oneOf, printing, since, type ReplCommand, type Subcommand } from "./command";

type Letter = DeadLetter & { status: "open" | "redriven" | "discarded" };

const LIMIT = 20;
const USAGE =
  "dlq list [--status open|redriven|discarded] [--limit N] | dlq show <id> | dlq redrive <id> | dlq discard <id>";

const list: Subcommand = async (broker, { options }, draw) => {
  const query = { status: String(options.status ?? "open"), limit: String(count(options.limit, LIMIT)) };
  const { items } = await ask<{ items: Letter[] }>(broker, "audit.deadLetters", { query });
  return draw(
    ["dead letter", "type", "service", "reason", "attempts", "age"],
    items.map(({ id, type, service, reason, attempts, failedAt }) => [
      id,
      type,
      service,
      reason,
      attempts,
      since(failedAt),
    ]),
  );
};

const show: Subcommand = async (broker, { id }, draw) => {
  const letter = await ask<Letter>(broker, "audit.deadLetter", byId(id));
  const { error, headers, payload, ...facts } = letter;
  return [
    draw(["field", "value"], Object.entries(facts)),
    `Headers  ${JSON.stringify(headers)}`,
    `Payload  ${JSON.stringify(payload, null, 2)}`,
    "",
    error.stack || `${error.name}: ${error.message}`,
  ].join("\n");
};

const redrive: Subcommand = async (broker, { id }) => {
  const { type, service } = await ask<Letter>(broker, "audit.redrive", byId(id));
  return `${type} goes to ${service} again. If it fails again it is open again: dlq show ${String(id)}`;
};

const discard: Subcommand = async (broker, { id }) => {
  const { type } = await ask<Letter>(broker, "audit.discard", byId(id));
  return `${type} is discarded; it stays to be read: dlq list --status discarded`;
};

const byId = (id: unknown): object => ({ params: { id: String(id ?? "") } });

/** Messages that were put aside, one by one. */
export const dlq: ReplCommand = {
  command: "dlq <what> [id]",
  description: USAGE,
  options: [
    { option: "--status <status>", description: "open (unless told), redriven or discarded" },
    { option: "--limit <n>", description: `how many, ${LIMIT} unless told` },
  ],
  action: printing(oneOf({ list, show, redrive, discard }, USAGE)),
};
