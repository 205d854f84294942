import type { ServiceBroker } from "moleculer";
import { STEP_DEADLINE_MS } from "../../domain/order";
import type { Document } from "../../store/types";

interface Waiting extends Document {
  waitingSince: number;
  askAt: number;
}

/** Makes an order look as if it had waited for its step longer than the saga's deadline. */
export async function waitLonger(broker: ServiceBroker, orderId: string): Promise<void> {
  const orders = broker.hub.database.adapter<Waiting>({ name: "orders" });
  const since = Date.now() - STEP_DEADLINE_MS - 1;
  const update = { $set: { waitingSince: since, askAt: since }, $inc: { version: 1 } };
  await orders.updateEach([{ query: { _id: orderId, askAt: { $exists: true } }, update }]);
}
