/** One place in a JSON document that changed; `before` or `after` is missing where there was, or is, nothing. */
export interface Edit {
  /** RFC 6901; "" is the whole document. */
  pointer: string;
  before?: unknown;
  after?: unknown;
}

/** What must be edited in `before` to get `after`, each change as deep down as it lies. */
export function editsOf(before: unknown, after: unknown, pointer = ""): Edit[] {
  if (isContainer(before) && isContainer(after) && Array.isArray(before) === Array.isArray(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) => {
      const at = `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (!Object.hasOwn(before, name)) return [{ pointer: at, after: after[name] }];
      if (!Object.hasOwn(after, name)) return [{ pointer: at, before: before[name] }];
      return editsOf(before[name], after[name], at);
    });
  }
  return Object.is(before, after) ? [] : [{ pointer, before, after }];
}

/** `target` with `patch` merged in (RFC 7396): null takes a field away, everything else sets it. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isContainer(patch) || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = isContainer(target) && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

type Container = Record<string, unknown>;
const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;
