import { api } from "../api.js";

let cache = null;

/** The catalogue, every page of it; `fresh` asks again. */
export function loadPlans({ fresh = false } = {}) {
  if (!cache || fresh) {
    cache = all("/api/plans");
    cache.catch(() => (cache = null));
  }
  return cache;
}

/** The plans by id, for names beside ids. */
export async function planNames() {
  try {
    return new Map((await loadPlans()).map((plan) => [plan.id, plan.name]));
  } catch {
    return new Map();
  }
}

/** Every item of a paged list, from `query.after` on. */
export async function all(path, query = {}) {
  const items = [];
  let after = query.after;
  do {
    const page = await api.get(path, { query: { ...query, limit: 200, after } });
    items.push(...page.items);
    after = page.next;
  } while (after);
  return items;
}
