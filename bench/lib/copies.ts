const UUID_OR_TIME = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
/** Between two copies, in milliseconds: a million of them are four months of orders. */
const STEP_MS = 10_000;

/**
 * Makes copies of documents that belong together, each as if it had happened `STEP_MS` after the last: ids,
 * and the times in those that have one, are other ones, the same in all documents of a copy; all times lie
 * before those of the original.
 */
export function copier(documents: readonly object[], total: number): (n: number) => object[] {
  const text = JSON.stringify(documents);
  const found = [...text.matchAll(UUID_OR_TIME)].map(([value]) => value);
  const rest = text.split(UUID_OR_TIME);
  const distinct = new Map([...new Set(found)].map((value, i) => [value, i]));
  return (n) => {
    const earlier = (total - n) * STEP_MS;
    const copies = new Map([...distinct].map(([value, i]) => [value, copyOf(value, i, n, earlier)]));
    const parts = rest.map((part, i) => part + (copies.get(found[i] ?? "") ?? ""));
    return JSON.parse(parts.join("")) as object[];
  };
}

function copyOf(value: string, index: number, n: number, earlier: number): string {
  if (value.includes("T")) return new Date(Date.parse(value) - earlier).toISOString();
  const tail = (n * 256 + index).toString(16).padStart(12, "0");
  // Versions 7 and 8 begin with their time.
  if (!/^.{14}[78]/.test(value)) return value.slice(0, 24) + tail;
  const time = (parseInt(value.slice(0, 8) + value.slice(9, 13), 16) - earlier)
    .toString(16)
    .padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}${value.slice(13, 24)}${tail}`;
}
