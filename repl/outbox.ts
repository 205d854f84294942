import type { UnsentMessages } from "../mixins/persistence/aggregates";
import { ask, count, printing, since, type ReplCommand } from "./command";

const LIMIT = 20;
/** The services whose aggregates tell of their changes. */
const SENDERS = ["auth", "plans", "orders", "payments", "inventory", "notifications", "audit"];

/** What is stored and not yet sent, over all services. */
export const outbox: ReplCommand = {
  command: "outbox",
  description: "messages that are stored and not yet sent, oldest first",
  options: [{ option: "--limit <n>", description: `how many of each service, ${LIMIT} by default` }],
  action: printing(async (broker, { options }, draw) => {
    const limit = count(options.limit, LIMIT);
    const running = SENDERS.filter((name) => broker.registry.actions.isAvailable(`${name}.outbox`));
    const found = await Promise.all(
      running.map(async (name) => {
        const unsent = await ask<UnsentMessages[]>(broker, `${name}.outbox`, { limit });
        return unsent.flatMap(({ id, owner, messages }) =>
          messages.map(({ type, timestamp }) => [name, id, type, since(timestamp), owner ?? ""]),
        );
      }),
    );
    return draw(["service", "of", "message", "waits", "sent by"], found.flat());
  }),
};
