import type { PageQuery } from "../../contracts/api";
import { subscriptionsOf, type Order } from "../../domain/order";
import { decodeCursor, encodeCursor, limitOf, type Page } from "../../mixins/persistence/paging";
import type { StoreAdapter } from "../../store/types";

type Subscription = ReturnType<typeof subscriptionsOf>[number];

/** A page of what a user's orders gave, the newest first. */
export async function subscriptionsPage(
  orders: StoreAdapter<Order>,
  userId: string,
  query: PageQuery,
): Promise<Page<Subscription>> {
  const limit = limitOf(query);
  // A page may end inside an order: the cursor says how many of its lines were shown.
  const [at, id, shown] =
    query.after === undefined
      ? []
      : decodeCursor(query.after, "subscriptions", ["string", "string", "number"]);
  const after =
    at === undefined ? [] : [{ $or: [{ activatedAt: { $lt: at } }, { activatedAt: at, _id: { $lte: id } }] }];
  const found = await orders.find({
    query: { $and: [{ userId, activatedAt: { $exists: true } }, ...after] },
    sort: ["-activatedAt", "-_id"],
    limit: limit + 2,
  });
  const all = found.flatMap((order) =>
    subscriptionsOf(order)
      .map((item, i) => ({ item, cursor: [order.activatedAt ?? "", order._id, i + 1] as const }))
      .slice(order._id === id ? Number(shown) : 0),
  );
  const page = all.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(({ item }) => item),
    next: all.length > limit && last ? encodeCursor("subscriptions", ...last.cursor) : null,
  };
}
