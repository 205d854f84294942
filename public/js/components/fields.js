import { sentence } from "../format.js";

/** The words of JSON Schema that tell a person nothing, each with what it means; the first that fits. */
const MEANINGS = [
  [/^must match format "email"/, "must be an e-mail address, such as you@example.com"],
  [/^must match format "uri"/, "must be an address, such as https://example.com/hook"],
  [/^must match format "date/, "must be a date and a time"],
  [/^must match pattern/, "is not written as it has to be"],
];

/** What else a field may be says nothing of what is wrong with it. */
const ASIDE = /^must be null$/;

/** Bad fields as the hub names them, for people: one `{pointer, detail}` for each field. */
export function plainFields(fields = []) {
  const found = new Map();
  for (const field of fields) {
    const before = found.get(field.pointer);
    if (!before || (ASIDE.test(before.detail) && !ASIDE.test(field.detail))) found.set(field.pointer, field);
  }
  return [...found.values()].map(({ pointer, detail }) => ({
    pointer,
    detail: MEANINGS.find(([words]) => words.test(detail))?.[1] ?? detail,
  }));
}

/** A bad field as a line: "Status must be one of PENDING, PAID"; one deeper inside keeps its path. */
export const fieldLine = ({ pointer, detail }) =>
  `${/^\/[a-z]+$/.test(pointer) ? sentence(pointer.slice(1)) : pointer} ${detail}`;
