import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../config";
import type { SimulatorBody } from "../contracts/api";
import { ConflictError, NotFoundError } from "../contracts/errors";
import type { Database, Document, StoreAdapter } from "../store/types";
import { StripeProvider, type Intent } from "./stripe";
import { SimulatedProvider, type LedgerEntry } from "./simulated";
import type { PaymentProvider } from "./types";

/** The provider of one node, with the switch of the simulated one. */
export interface Provider extends PaymentProvider {
  /** What it keeps in the store, to be connected with the service. */
  collections: StoreAdapter[];
  settings(): Promise<SimulatorBody>;
  set(settings: SimulatorBody): Promise<SimulatorBody>;
}

interface Settings extends Document, SimulatorBody {}
/** How long a node goes by what it has read of the switch. */
const SETTINGS_TTL_MS = 500;

/** The provider that `PAYMENT_PROVIDER` names. */
export function openProvider(config: Config, database: Database): Provider {
  return config.PAYMENT_PROVIDER === "stripe" ? stripe(config, database) : simulated(database);
}

function stripe({ STRIPE_SECRET_KEY = "", STRIPE_URL }: Config, database: Database): Provider {
  const intents = database.adapter<Intent>({ name: "stripe_intents" });
  const none = (): Promise<SimulatorBody> =>
    Promise.reject(new NotFoundError("simulator: the provider is Stripe"));
  return Object.assign(new StripeProvider(intents, STRIPE_SECRET_KEY, STRIPE_URL), {
    collections: [intents],
    settings: none,
    set: none,
  });
}

function simulated(database: Database): Provider {
  const entries = database.adapter<LedgerEntry>({ name: "provider_ledger" });
  const stored = database.adapter<Settings>({ name: "provider_settings" });
  let asked = 0;
  let answer: Promise<SimulatorBody>;

  /** The switch as it stood at most `SETTINGS_TTL_MS` ago: one look for all who ask meanwhile. */
  function settings(): Promise<SimulatorBody> {
    if (Date.now() - asked >= SETTINGS_TTL_MS) {
      asked = Date.now();
      answer = look();
      answer.catch(() => (asked = 0));
    }
    return answer;
  }

  async function look(): Promise<SimulatorBody> {
    const found = await stored.findById("simulator");
    return { mode: found?.mode ?? "normal", latencyMs: found?.latencyMs ?? 0 };
  }

  /** Moves the switch; every node goes by it when this resolves. */
  async function set({ mode, latencyMs = 0 }: SimulatorBody): Promise<SimulatorBody> {
    await stored.insertEach([{ _id: "simulator", mode, latencyMs }]);
    const [done] = await stored.updateEach([
      { query: { _id: "simulator" }, update: { $set: { mode, latencyMs } } },
    ]);
    if (!done)
      throw new ConflictError(
        "WRITE_CONFLICT",
        "Somebody else moved the switch at the same time; try again.",
      );
    asked = 0;
    // Other nodes look again when what they have read has become old; an embedded store has no others.
    if (database.kind === "mongodb") await pause(SETTINGS_TTL_MS);
    return { mode, latencyMs };
  }

  const provider = new SimulatedProvider(entries, settings);
  return Object.assign(provider, {
    collections: [entries, stored],
    settings,
    set,
  });
}
