import type { ServiceBroker } from "moleculer";
import { PageQuery } from "../../contracts/api";
import { ConflictError } from "../../contracts/errors";
import type { HubEvent } from "../../contracts/events";
import { factOf } from "../../domain/facts";
import {
  askAgain,
  nudgeOrder,
  owedCommand,
  owes,
  recordFact,
  STEP_DEADLINE_MS,
  type Order,
} from "../../domain/order";
import { causeOfMessage, type Aggregates } from "../../mixins/persistence/aggregates";
import { upwards } from "../../mixins/persistence/paging";
import { answer, callerOf, causeOf, idOf, queryOf, type HttpContext } from "../../mixins/http/request";
import { Sweep } from "../../mixins/sweep";
import { view } from "./views";

/** How many overdue orders ask again in a second, at most; and at least, while many facts come in. */
const ASK_LIMIT = 200;
const ASK_LEAST = 10;

interface HeldCommand {
  id: string;
  key: string;
  channel: string;
  status: string;
  reason: string;
}

/** Orders that wait longer than a step may take. */
export const stuckOnes = () => ({ waitingSince: { $lte: Date.now() - STEP_DEADLINE_MS } });

/** What brings an order from its 202 to its end: the facts that others tell, and asking again for those that are late. */
export class Saga {
  readonly sweep: Sweep;
  /** Events since it was last asked again: while many come in, what is late is behind others and not lost. */
  private news = 0;

  constructor(
    private readonly broker: ServiceBroker,
    private readonly orders: Aggregates<Order>,
  ) {
    this.sweep = new Sweep(broker, "orders.saga", 1_000, () => this.askForOverdue());
  }

  /** Records what payments and inventory tell. An order that is not there (yet) has nothing to record. */
  async record(events: HubEvent[]): Promise<void> {
    this.news += events.length;
    await this.orders.changeEach(
      events.flatMap((event) => {
        const fact = factOf(event);
        if (!fact) return [];
        const cause = causeOfMessage(event);
        return [
          { id: fact.orderId, cause, decide: (order, now) => order && recordFact(order, fact.fact, now) },
        ];
      }),
    );
  }

  /** Asks for an order's step now, on an operator's word; the dead letters do not hold it back. */
  async nudge(ctx: HttpContext) {
    const { id: by } = callerOf(ctx);
    const order = await this.orders.demand(
      idOf(ctx),
      causeOf(ctx),
      "order",
      (state, now) => nudgeOrder(state, { by }, now),
      ({ status }) => new ConflictError("ORDER_OVER", `The order is ${status}: nobody owes it a step.`),
    );
    return answer(ctx, 202, view(order));
  }

  /** Orders that wait longer than a step may take, for whom, and whether a dead letter is why. */
  async stuck(ctx: HttpContext) {
    const page = await upwards(
      "stuck",
      this.orders.adapter,
      stuckOnes(),
      queryOf(ctx, PageQuery),
      "waitingSince",
    );
    const letters = await this.lettersOf(page.items);
    const items = page.items.map((order) => ({
      ...view(order),
      owes: owes(order),
      waitingSince: new Date(order.waitingSince ?? 0).toISOString(),
      asked: order.asked ?? 0,
      ...(order.askAt && { askAt: new Date(order.askAt).toISOString() }),
      deadLetter: letters.get(order._id) ?? null,
    }));
    return { ...page, items };
  }

  /** Asks again for what is overdue. An order whose command lies in the dead letters waits for its operator. */
  private async askForOverdue(): Promise<void> {
    const overdue = await this.orders.adapter.find({
      query: { askAt: { $lte: Date.now() } },
      sort: "askAt",
      limit: Math.max(ASK_LEAST, ASK_LIMIT - this.news),
    });
    this.news = 0;
    if (overdue.length === 0) return;
    const held = await this.lettersOf(overdue);
    await this.orders.changeEach(
      overdue.map(({ _id: id, correlationId }) => ({
        id,
        cause: { id: `deadline:${id}`, correlationId },
        decide: (order, now) => {
          const decision = order && (order.askAt ?? Infinity) <= now.ms ? askAgain(order, now) : null;
          if (!decision || !held.has(id)) return decision;
          return { ...decision, state: { ...decision.state, asked: order?.asked ?? 0 }, messages: [] };
        },
      })),
    );
  }

  /** The dead letters that these orders wait for: each that of the command whose result it waits for. */
  private async lettersOf(waiting: Order[]): Promise<Map<string, Omit<HeldCommand, "key" | "channel">>> {
    const owed = new Map(waiting.map((order) => [order._id, owedCommand(order)]));
    if (owed.size === 0) return new Map();
    const held = await this.broker.call<HeldCommand[], object>("audit.heldCommands", {
      keys: [...owed.keys()],
    });
    return new Map(
      held
        .filter(({ key, channel }) => owed.get(key) === channel)
        .map(({ id, key, status, reason }) => [key, { id, status, reason }]),
    );
  }
}
