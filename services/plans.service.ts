import type { Context } from "moleculer";
import { PageQuery, PlanBody, PlanPatch } from "../contracts/api";
import { ConflictError, NotFoundError } from "../contracts/errors";
import { newId } from "../contracts/ids";
import { aggregates, Aggregates, type Cause } from "../mixins/persistence/aggregates";
import { atStart } from "../mixins/at-start";
import { defineService, listener } from "../mixins/define-service";
import { newestFirst } from "../mixins/persistence/paging";
import { answer, bodyOf, causeOf, idOf, queryOf, type HttpContext } from "../mixins/http/request";
import { Sweep } from "../mixins/sweep";
import { Availability } from "./plans/availability";

export interface Plan extends Omit<PlanBody, "id"> {
  _id: string;
  createdAt: string;
  updatedAt: string;
}

const LOOK_MS = 5_000;

const euros = (amount: number) => ({ amount, currency: "EUR" });

/** What a new hub sells: three plans without limit and one with 25 seats. */
const FIRST_PLANS: PlanBody[] = [
  { id: "basic", name: "Basic", price: euros(900), interval: "month", seats: null },
  { id: "pro", name: "Pro", price: euros(2900), interval: "month", seats: null },
  { id: "business", name: "Business", price: euros(29000), interval: "year", seats: null },
  { id: "workshop", name: "Workshop", price: euros(4900), interval: "month", seats: 25 },
];

const view = ({ _id: id, name, price, interval, seats }: Plan): PlanBody => ({
  id,
  name,
  price,
  interval,
  seats,
});
const fact = ({ _id: planId, name, price, interval, seats }: Plan) => ({
  planId,
  name,
  price,
  interval,
  seats,
});

/** The catalogue and its prices. */
export default defineService(({ broker }) => {
  const plans = new Aggregates<Plan>(broker, "plans", {
    name: "plans",
    indexes: [{ fields: ["createdAt"] }],
  });

  const availability = new Availability(broker);

  /** Plans with the seats that are free now. */
  async function forSale(found: Plan[]) {
    const free = await availability.all();
    return found.map((plan) => {
      const available = free.get(plan._id);
      return { ...view(plan), ...(available !== undefined && { available }) };
    });
  }

  async function publish({ id, ...body }: PlanBody, cause: Cause): Promise<Plan | null> {
    const at = new Date().toISOString();
    const state: Plan = { _id: id, ...body, createdAt: at, updatedAt: at };
    const created = await plans.create(
      { state, messages: [{ event: "PlanPublished", data: fact(state) }] },
      cause,
    );
    return created ? state : null;
  }

  async function change(id: string, patch: PlanPatch, cause: Cause): Promise<Plan> {
    const changed = await plans.change(id, cause, (plan, now) => {
      if (!plan) return null;
      const state: Plan = { ...plan, ...patch, updatedAt: now.at };
      return { state, messages: [{ event: "PlanChanged", data: fact(state) }] };
    });
    if (!changed) throw new NotFoundError("plan");
    tell(id);
    return changed;
  }

  /** What nodes know of a plan is old. */
  function tell(planId: string): void {
    availability.forget();
    void broker.broadcast("plans.changed", { planId });
  }

  /** Plans whose seats are others in inventory, and how many there, as of the last look. */
  let apart = new Map<string, number | null>();

  /** Seats are changed in inventory first: the plan follows where a crash came between the two. */
  async function complete(): Promise<void> {
    const found = await plans.adapter.find({ fields: ["seats"] });
    const seats = new Map(await broker.call<[string, number | null][]>("inventory.seats").catch(() => []));
    const before = apart;
    apart = new Map();
    for (const plan of found) {
      const there = seats.get(plan._id);
      if (there !== undefined && there !== plan.seats) apart.set(plan._id, there);
    }
    for (const [id, there] of apart) {
      // Only what was so at the look before: the others may be under way.
      if (before.get(id) !== there) continue;
      broker.getLogger("plans").warn(`A change of ${id} was cut off; it is completed.`);
      const cause = newId();
      await change(id, { seats: there }, { id: cause, correlationId: cause });
    }
  }
  const completing = new Sweep(broker, "plans", LOOK_MS, complete);

  return {
    name: "plans",
    mixins: [aggregates(plans), completing.mixin],
    actions: {
      list: async (ctx: HttpContext) => {
        const page = await newestFirst("plans", plans.adapter, {}, queryOf(ctx, PageQuery));
        return { ...page, items: await forSale(page.items) };
      },

      get: async (ctx: HttpContext) => {
        const plan = await plans.get(idOf(ctx));
        if (!plan) throw new NotFoundError("plan");
        return (await forSale([plan]))[0];
      },

      create: async (ctx: HttpContext) => {
        const body = bodyOf(ctx, PlanBody);
        const plan = await publish(body, causeOf(ctx));
        if (!plan) throw new ConflictError("PLAN_EXISTS", `There is a plan ${body.id} already.`);
        await ctx.call("inventory.resize", { planId: plan._id, seats: plan.seats });
        tell(plan._id);
        ctx.meta.$location = `/api/plans/${plan._id}`;
        return answer(ctx, 201, view(plan));
      },

      change: async (ctx: HttpContext) => {
        const patch = bodyOf(ctx, PlanPatch);
        const id = idOf(ctx);
        if (!(await plans.get(id))) throw new NotFoundError("plan");
        // Inventory has the last word on seats: it knows how many are taken.
        if (patch.seats !== undefined) await ctx.call("inventory.resize", { planId: id, seats: patch.seats });
        return view(await change(id, patch, causeOf(ctx)));
      },

      /** The prices that orders are placed at. */
      prices: {
        visibility: "public",
        handler: async (ctx: Context<{ ids: string[] }>) =>
          (await plans.adapter.findByIds(ctx.params.ids)).map(view),
      },
    },
    events: { "plans.changed": listener(() => availability.forget()) },
    started: () =>
      atStart(broker.getLogger("plans"), async () => {
        for (const plan of FIRST_PLANS)
          await publish(plan, { id: "first-start", correlationId: "first-start" });
      }),
  };
});
