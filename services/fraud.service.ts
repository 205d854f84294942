import type { Context } from "moleculer";
import type { FraudRequest } from "../contracts/api";
import { scoreOrder } from "../domain/fraud";
import { defineService } from "../mixins/define-service";

/** The fraud function inside the mesh: stateless; `FRAUD_URL` puts another in its place. */
export default defineService(() => ({
  name: "fraud",
  actions: {
    score: { visibility: "public", handler: async (ctx: Context<FraudRequest>) => scoreOrder(ctx.params) },
  },
}));
