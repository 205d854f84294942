import { table } from "../bench/lib/table";
import { byDay, type SealedDay } from "../domain/seals";
import type { SealCheck, Verification } from "../services/audit/seals";
import { ADMIN_OPTIONS, hubAt, signInAdmin } from "./admin";
import type { HubClient } from "./demo/client";
import { print, readOptions, run } from "./program";

const USAGE = `npm run audit:verify -- [--url URL] [--head HASH] --admin-password PASSWORD

Compares the event store of a running hub with its chain of seals and names each event that was changed,
removed or slipped in since it was sealed. Write the last hash down somewhere else and give it as --head the
next time, to find out whether the end of the chain was cut off. URL is http://localhost:3000 by default (or
HUB_URL); the password may come as ADMIN_PASSWORD. Exit code 1: something is not as it was sealed.`;

/** Flaws that are named; the rest is a number. */
const SHOWN = 20;

const { values } = readOptions(USAGE, {
  options: {
    ...ADMIN_OPTIONS,
    url: { type: "string" },
    head: { type: "string" },
  },
});

async function main(): Promise<number> {
  const { checks, unsealed } = await readAll(await signInAdmin(await hubAt(values.url), values));
  const days = byDay(checks);
  print(table([["day", "events", "seals", "late", "", "hash"], ...days.map(row)]));
  const flaws = days.flatMap((day) => day.flaws);
  for (const { kind, eventId, detail } of flaws.slice(0, SHOWN))
    print(`✗ ${kind}${eventId ? ` event ${eventId}` : ""}: ${detail}`);
  if (flaws.length > SHOWN) print(`✗ and ${flaws.length - SHOWN} more`);
  const headLost = values.head !== undefined && !checks.some(({ hash }) => hash === values.head);
  if (headLost)
    print("✗ the hash that you noted is not in the chain: its end was cut off, or the chain was made anew");
  print(`${unsealed} events are too young to be sealed (a minute or two).`);
  const good = flaws.length === 0 && !headLost;
  const last = checks.at(-1);
  print(
    good
      ? `\nAll as it was sealed${last ? `; the last hash is ${last.hash}` : ""}.`
      : "\nBroken: see ✗ above.",
  );
  return good ? 0 : 1;
}

async function readAll(admin: HubClient): Promise<{ checks: SealCheck[]; unsealed: number }> {
  const checks: SealCheck[] = [];
  for (let after = ""; ;) {
    const path = `/api/admin/audit/verification${after && `?after=${after}`}`;
    const { body } = await admin.ok(admin.get<Verification>(path));
    checks.push(...body.items);
    if (body.next === null) return { checks, unsealed: body.unsealed };
    after = body.next;
  }
}

const row = ({ day, events, seals, late, flaws, hash }: SealedDay): string[] => [
  day,
  String(events),
  String(seals),
  String(late),
  flaws.length === 0 ? "ok" : "BROKEN",
  `${hash.slice(0, 16)}…`,
];

run(main);
