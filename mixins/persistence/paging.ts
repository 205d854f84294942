import type { PageQuery } from "../../contracts/api";
import { BadCursorError, ValidationError } from "../../contracts/errors";
import type { Query, StoreAdapter, Document } from "../../store/types";

export interface Page<T> {
  items: T[];
  /** Give it as `after` to go on; null at the end. */
  next: string | null;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** How many items a page is to have. @throws ValidationError outside 1 to 200 */
export function limitOf({ limit }: PageQuery): number {
  const value = limit === undefined ? DEFAULT_LIMIT : Number(limit);
  if (value < 1 || value > MAX_LIMIT) throw ValidationError.of("/limit", `must be 1 to ${MAX_LIMIT}`);
  return value;
}

/** A cursor of the list of that name. */
export const encodeCursor = (list: string, ...parts: (string | number)[]): string =>
  Buffer.from(JSON.stringify([list, ...parts])).toString("base64url");

/** The parts of a cursor, of these types. @throws BadCursorError when it is not one that this list gave */
export function decodeCursor(
  cursor: string,
  list: string,
  types: readonly ("string" | "number")[],
): (string | number)[] {
  try {
    const [of, ...parts] = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as (
      string | number
    )[];
    if (of === list && parts.length === types.length && parts.every((part, i) => typeof part === types[i]))
      return parts;
  } catch {
    // falls through to the one error
  }
  throw new BadCursorError();
}

/** A page of a collection by one field, a text, downwards, `_id` where that is equal: the newest first. */
export async function newestFirst<D extends Document>(
  list: string,
  adapter: StoreAdapter<D>,
  query: Query,
  page: PageQuery,
  field: string = "createdAt",
): Promise<Page<D>> {
  const limit = limitOf(page);
  const conditions: Query[] = [query];
  if (page.after !== undefined) {
    const [value, id] = decodeCursor(page.after, list, ["string", "string"]);
    // The first condition says nothing new: it lets an index start at the cursor.
    conditions.push({ [field]: { $lte: value } });
    conditions.push({ $or: [{ [field]: { $lt: value } }, { [field]: value, _id: { $lt: id } }] });
  }
  const found = await adapter.find({
    query: conditions.length > 1 ? { $and: conditions } : query,
    sort: [`-${field}`, "-_id"],
    limit: limit + 1,
  });
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last;
  return {
    items,
    next: more
      ? encodeCursor(list, (last as unknown as Record<string, string>)[field] ?? "", last._id)
      : null,
  };
}

/** A page of a collection by one field, a number, upwards, `_id` where that is equal. */
export async function upwards<D extends Document>(
  list: string,
  adapter: StoreAdapter<D>,
  query: Query,
  page: PageQuery,
  field: keyof D & string,
): Promise<Page<D>> {
  const limit = limitOf(page);
  const conditions: Query[] = [query];
  if (page.after !== undefined) {
    const [value, id] = decodeCursor(page.after, list, ["number", "string"]);
    conditions.push({ $or: [{ [field]: { $gt: value } }, { [field]: value, _id: { $gt: id } }] });
  }
  const sort = [field, "_id"];
  const found = await adapter.find({ query: { $and: conditions }, sort, limit: limit + 1 });
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last;
  return { items, next: more ? encodeCursor(list, last[field] as string | number, last._id) : null };
}

/** A page of a collection in the order of `position`; `after` is the `_id` of the last item seen. */
export async function oldestFirst<D extends Document & { position: number }>(
  adapter: StoreAdapter<D>,
  query: Query,
  page: PageQuery,
): Promise<Page<D>> {
  const limit = limitOf(page);
  const conditions: Query = { ...query };
  if (page.after !== undefined) {
    const last = await adapter.findOne({ ...scope(query), _id: page.after });
    if (!last) throw new BadCursorError();
    conditions.position = { $gt: last.position };
  }
  const found = await adapter.find({ query: conditions, sort: "position", limit: limit + 1 });
  const items = found.slice(0, limit);
  return { items, next: found.length > limit ? (items.at(-1)?._id ?? null) : null };
}

/** A cursor must be of the same owner's list, but filters may have changed meanwhile. */
const scope = ({ userId }: Query): Query => (userId === undefined ? {} : { userId });

/** The part of a query that a time (ISO 8601) is in: `from` is inclusive, `to` is not. */
export function timeRange(field: string, { from, to }: { from?: string; to?: string }): Query {
  // Times are compared as text: all in UTC with milliseconds.
  const iso = (time: string): string => new Date(time).toISOString();
  if (!from && !to) return {};
  return { [field]: { ...(from && { $gte: iso(from) }), ...(to && { $lt: iso(to) }) } };
}
