import { table } from "../bench/lib/table";
import type { ReplayView } from "../services/audit/replays";
import { ADMIN_OPTIONS, hubAt, signInAdmin } from "./admin";
import { Progress } from "./demo/progress";
import { print, readOptions, run } from "./program";

const USAGE = `npm run replay -- [PROJECTION] [--from TIME] [--url URL] --admin-password PASSWORD

Builds a read model of a running hub again from its event store, beside the live one, and switches to it at the
end. With --from (ISO 8601) only what happened since then is built again; older facts are taken over.
Without a PROJECTION it lists them. URL is http://localhost:3000 by default (or HUB_URL); the password may come
as ADMIN_PASSWORD. Exit code 1: the replay failed, and the live read model is as it was.`;

const EVERY_MS = 300;

const { values, positionals } = readOptions(USAGE, {
  allowPositionals: true,
  options: {
    ...ADMIN_OPTIONS,
    url: { type: "string" },
    from: { type: "string" },
  },
});

async function main(): Promise<number> {
  const admin = await signInAdmin(await hubAt(values.url), values);
  const [projection] = positionals;
  const { projections } = (await admin.ok(admin.get<{ projections: string[] }>("/api/admin/replays"))).body;
  const choice = `Can be built again: ${projections.join(", ")}`;
  if (projection === undefined) {
    print(choice);
    return 0;
  }
  if (!projections.includes(projection)) throw new Error(`There is no projection ${projection}. ${choice}`);
  const from = values.from;
  const begun = await admin.ok(
    admin.post<ReplayView>("/api/admin/replays", { projection, ...(from !== undefined && { from }) }),
  );
  const progress = new Progress(projection, 100);
  for (;;) {
    const { body } = await admin.ok(admin.get<ReplayView>(`/api/admin/replays/${begun.body.id}`));
    progress.set(Math.floor(body.progress * 100));
    if (body.status !== "running") {
      progress.end();
      return report(body);
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

function report({ projection, status, events, differences, diff, error }: ReplayView): number {
  if (status === "failed") {
    print(`It failed, and ${projection} is as it was: ${error}`);
    return 1;
  }
  print(`${projection} is rebuilt from ${events} events; ${differences || "no"} keys were different.`);
  const names = (facts: object | null): string => (facts ? Object.keys(facts).join(" ") : "(none)");
  const rows = (diff ?? []).map(({ key, live, rebuilt }) => [key, names(live), names(rebuilt)]);
  if (rows.length > 0) print(`\n${table([["key", "it had", "it has"], ...rows])}`);
  return 0;
}

run(main);
