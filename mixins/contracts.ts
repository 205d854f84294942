import type { Middleware } from "moleculer";
import type { BatchHandler, Delivery, HubChannel, Outcome } from "../channels/types";
import { DEAD_LETTERS } from "../channels/types";
import { contractError, letterError } from "../contracts/messages";
import { upcast } from "../contracts/upcasters";

/**
 * Reads an old message as today's version, and holds every incoming one against its contract before a handler sees
 * it: one that breaks it is refused for good, its neighbours go on.
 */
export const contracts: Middleware = {
  name: "Contracts",
  localChannel(next: BatchHandler, chan: HubChannel): BatchHandler {
    const check = chan.name === DEAD_LETTERS ? letterError : contractError;
    return async (received: unknown[], deliveries: Delivery[]): Promise<Outcome[]> => {
      const payloads = received.map((message) => upcast(message));
      const outcomes: Outcome[] = payloads.map(check);
      const good = payloads.flatMap((_, i) => (outcomes[i] ? [] : [i]));
      if (good.length === 0) return outcomes;
      const told = await next(
        good.map((i) => payloads[i]),
        good.map((i) => deliveries[i] as Delivery),
      );
      if (told && told.length !== good.length)
        throw new Error(`The handler gave ${told.length} outcomes for ${good.length} messages.`);
      good.forEach((index, i) => (outcomes[index] = told ? (told[i] ?? null) : null));
      return outcomes;
    };
  },
} as unknown as Middleware;
