import { isDeeperThan, MAX_DEPTH } from "../../contracts/depth";
import { PayloadTooLargeError, ValidationError } from "../../contracts/errors";
import { saysTheWhole } from "../../contracts/routes";
import type { Request } from "./gateway";

/** The most that a body may have, in bytes. */
export const BODY_LIMIT = 100 * 1024;
const JSON_TYPE = /^application\/json\s*(;|$)/i;

export const missingBody = (): ValidationError =>
  ValidationError.of("", "a body is needed: send it as application/json");
/** The `type` of the parser's error; moleculer-web keeps nothing else of it. */
export const MISSING_BODY = "entity.missing";

/**
 * What the headers tell of a body: what it lacks in fields, its schema says.
 * @throws PayloadTooLargeError over 100 kB
 * @throws ValidationError when the call takes a body and gets one that is not JSON, or a PUT gets none
 */
export function expectBody({ method, headers, $alias }: Request): void {
  const length = Number(headers["content-length"] ?? 0);
  if (length > BODY_LIMIT) throw new PayloadTooLargeError("100 kB");
  if (!$alias?.takesBody) return;
  if (length === 0 && headers["transfer-encoding"] === undefined) {
    if (saysTheWhole(method)) throw missingBody();
  } else if (!JSON_TYPE.test(headers["content-type"] ?? ""))
    throw ValidationError.of("", "must be sent with Content-Type: application/json");
}

/** @throws ValidationError when it nests too deep to be handed on */
export function checkBody({ body }: Request): void {
  if (isDeeperThan(MAX_DEPTH, body))
    throw ValidationError.of("", `must not nest deeper than ${MAX_DEPTH} levels`);
}

/** Options of the JSON parser, which sees what the headers do not tell. */
export const JSON_BODY = {
  limit: BODY_LIMIT,
  verify({ method }: Request, _res: unknown, body: Buffer): void {
    if (saysTheWhole(method) && body.length === 0) throw Object.assign(new Error(), { type: MISSING_BODY });
  },
};
