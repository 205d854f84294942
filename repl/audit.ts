import { byDay } from "../domain/seals";
import type { SealCheck, Verification } from "../services/audit/seals";
import { ask, helpText, oneOf, printing, type ReplCommand, type Subcommand, type Usage } from "./command";

const SHOWN = 20;
const USAGE: Usage = [
  ["audit verify", "whether any event was changed, removed or slipped in since it was sealed"],
];

const verify: Subcommand = async (broker, _args, draw) => {
  const checks: SealCheck[] = [];
  let unsealed = 0;
  for (let after: string | null | undefined; after !== null;) {
    const query: object = after === undefined ? {} : { after };
    const page: Verification = await ask<Verification>(broker, "audit.verify", { query });
    checks.push(...page.items);
    ({ unsealed, next: after } = page);
  }
  const days = byDay(checks);
  const flaws = days.flatMap((day) => day.flaws);
  const table = draw(
    ["day", "events", "seals", "late", "", "hash"],
    days.map(({ day, events, seals, late, flaws: found, hash }) => [
      day,
      events,
      seals,
      late,
      found.length === 0 ? "ok" : `${found.length} WRONG`,
      hash,
    ]),
  );
  const named = flaws.slice(0, SHOWN).map(({ kind, eventId, detail }) => [kind, eventId, detail]);
  return [
    table,
    ...(named.length > 0 ? [draw(["what", "event", ""], named)] : []),
    `${unsealed} events are too young to be sealed.`,
  ].join("\n");
};

/** The event store, held against its seals. */
export const audit: ReplCommand = {
  command: "audit <what>",
  description: helpText("the event store", USAGE),
  action: printing(oneOf({ verify }, USAGE)),
};
