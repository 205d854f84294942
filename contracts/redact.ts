/**
 * Takes secrets and personal data out of what is written down for operators: log lines, and the errors that
 * dead letters keep. A safety net: what is written should not have them in the first place.
 */

const GONE = "[redacted]";
const DEPTH = 6;

/** Fields that are never shown, whatever they hold. */
const SECRET_FIELD =
  /pass(word|phrase|wd)?|secret|token|authorization|cookie|api-?key|private-?key|^(e-?mail|sms|phone|push|webhook|pem)$/i;
/** An object with one of these is about a person: then its `name` is that person's. */
const PERSONAL = ["email", "password", "passwordHash"];

/** A text is read up to here (characters), and shown without the end of that part: see `redactText`. */
const LONGEST = 8_192;
const UNSURE = 1_024;

/**
 * What gives itself away by its form. Each takes linear time: none may begin a long look ahead at every letter
 * of a word.
 */
const PATTERNS: readonly [RegExp, string][] = [
  // The credentials in a URL.
  [/:\/\/[^\s/@]+@/g, `://${GONE}@`],
  [/\bBearer\s+[^\s"',;]+/gi, `Bearer ${GONE}`],
  // A JSON Web Token, and a refresh token: a session's id and its secret.
  [/\beyJ[\w-]{8,}(\.[\w-]*){0,4}/g, GONE],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[\w-]{20,}/gi, GONE],
  [/\b[srp]k_(live|test)_\w+/g, GONE],
  // A key in PEM, also one that was cut off.
  [/-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|$)/g, GONE],
  // A field in a piece of JSON, also one that was cut off.
  [
    /("(?:\w*password|\w*token|secret|authorization|e-?mail|name)"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^\s,}]+)/gi,
    `$1"${GONE}"`,
  ],
  [/\b(password|secret|access_?token|refresh_?token|api_?key)\s*=\s*[^\s&;,]+/gi, `$1=${GONE}`],
  // An e-mail address, from the beginning of its word.
  [/(?<![^\s<>"'`(),:;=/\\@[\]])[^\s<>"'`(),:;=/\\@[\]]+@[^\s<>"'`(),:;/\\@[\]]+\.[a-z0-9-]+/gi, GONE],
];

/** The text without secrets and e-mail addresses; of a very long one only the beginning. */
export function redactText(text: string): string {
  let clean = text.slice(0, LONGEST);
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  if (text.length <= LONGEST) return clean;
  // Half a secret is not known for one, so what stands where the text was cut goes too.
  return `${clean.slice(0, -UNSURE)}... (${text.length} characters)`;
}

/** A value as plain data without secrets and personal data; errors keep name, code, message and stack. */
export function redact(value: unknown, depth = DEPTH): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value.toISOString();
  if (depth === 0) return "[...]";
  if (Array.isArray(value)) return value.map((item) => redact(item, depth - 1));
  const personal = PERSONAL.some((field) => field in value);
  return Object.fromEntries(
    Object.entries(value).map(([field, item]) => {
      const hidden = SECRET_FIELD.test(field) || (personal && field === "name");
      return [field, hidden && item !== null && item !== undefined ? GONE : redact(item, depth - 1)];
    }),
  );
}

/** An error's other fields may be a whole request: they are left out. */
function redactError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const { code, type } = error as { code?: unknown; type?: unknown };
  return {
    name,
    ...(code !== undefined && { code }),
    ...(typeof type === "string" && { type }),
    message: redactText(message),
    ...(stack && { stack: redactText(stack) }),
    ...(cause !== undefined && depth > 0 && { cause: redact(cause, depth - 1) }),
  };
}
