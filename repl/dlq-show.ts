import type { ServiceBroker } from "moleculer";
import type { DeadLetter } from "../contracts/dead-letter";
import { ValidationError } from "../contracts/errors";
import type { LetterEntry, LetterStatus } from "../domain/dead-letter";
import type { TimelineEntry } from "../domain/timeline";
import { ask, since, type Subcommand } from "./command";
import { treeOf } from "./journey";

/** A dead letter as the admin calls give it. */
export interface LetterView extends DeadLetter {
  status: LetterStatus;
  failures: number;
  firstFailedAt: string;
  orderId?: string;
  history?: LetterEntry[];
}

/** @throws ValidationError when no id was typed */
export function byId(id: unknown): object {
  if (id === undefined)
    throw new ValidationError(
      [],
      "Which one? Give its id: dlq list shows letters, dlq redrives the redrives.",
    );
  return { params: { id: String(id) } };
}

/** All that is known of one letter: its facts, its history, the message, and what happened around it. */
export const show: Subcommand = async (broker, { id }, draw) => {
  const letter = await ask<LetterView>(broker, "audit.deadLetter", byId(id));
  const { error, headers, payload, history = [], ...facts } = letter;
  return [
    draw(["field", "value"], Object.entries(facts)),
    "History",
    draw(["when", "what", "by", "detail"], history.map(historyRow)),
    `Headers  ${JSON.stringify(headers)}`,
    `Payload  ${JSON.stringify(payload, null, 2)}`,
    "",
    error.stack || `${error.name}: ${error.message}`,
    "",
    ...(await around(broker, id)),
  ].join("\n");
};

async function around(broker: ServiceBroker, id: unknown): Promise<string[]> {
  const { orderId, entries } = await ask<{ orderId: string | null; entries: TimelineEntry[] }>(
    broker,
    "audit.deadLetterTimeline",
    byId(id),
  );
  const what = orderId ? `order ${orderId}` : "its correlation id";
  return entries.length > 0 ? [`Around it: ${what}`, ...treeOf(entries)] : [];
}

function historyRow(entry: LetterEntry): string[] {
  const when = `${since(entry.at)} ago`;
  if (entry.what === "failed")
    return [when, entry.what, "", `${entry.reason} after ${entry.attempts}: ${entry.error.message}`];
  if (entry.what === "discarded") return [when, entry.what, entry.by, entry.reason ?? ""];
  const edits = (entry.edits ?? []).map(
    ({ pointer, before, after }) => `${pointer} ${JSON.stringify(before)} -> ${JSON.stringify(after)}`,
  );
  return [when, entry.what, entry.by, [...edits, entry.redriveId ? `of ${entry.redriveId}` : ""].join("  ")];
}
