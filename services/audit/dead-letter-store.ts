import type { ServiceBroker } from "moleculer";
import { HEADERS } from "../../channels/types";
import type { DeadLettersQuery } from "../../contracts/api";
import type { DeadLetter } from "../../contracts/dead-letter";
import { ConflictError, NotFoundError, ValidationError } from "../../contracts/errors";
import { derivedId } from "../../contracts/ids";
import {
  discard,
  recordFailure,
  redrive,
  RESEND_MS,
  type Letter,
  type RedriveOrder,
} from "../../domain/dead-letter";
import type { Decision, Now } from "../../domain/types";
import { Aggregates, type Cause, type Change } from "../../mixins/persistence/aggregates";
import { timeRange } from "../../mixins/persistence/paging";
import { Sweep } from "../../mixins/sweep";
import type { Query, StoreAdapter, Update } from "../../store/types";

/** What a list of dead letters may be narrowed by. */
export type LetterFilter = Omit<DeadLettersQuery, "limit" | "after">;

const RESEND_LIMIT = 100;
/** When what could not be sent is sent again, in milliseconds. */
const RETRY_MS = 1_000;
const TRANSPORT_HEADERS = new Set<string>(Object.values(HEADERS));

/**
 * The messages that were put aside. A redrive is stored before it is sent, and sent until that is confirmed:
 * whoever was told that a message goes out again can rely on it.
 */
export class DeadLetterStore {
  readonly letters: Aggregates<Letter>;
  readonly sweep: Sweep;

  constructor(private readonly broker: ServiceBroker) {
    const narrowed = ["status", "kind", "channel", "type", "service", "reason"];
    this.letters = new Aggregates<Letter>(broker, "audit", {
      name: "dead_letters",
      indexes: [
        { fields: ["-failedAt", "-_id"] },
        ...narrowed.map((field) => ({ fields: [field, "-failedAt", "-_id"] })),
        { fields: ["key"] },
        { fields: ["correlationId"], sparse: true },
        { fields: ["redriveId"], sparse: true },
        { fields: ["resendAt"], sparse: true },
      ],
    });
    this.sweep = new Sweep(broker, "audit.dead-letters", 1_000, () => this.sendOverdue());
  }

  get adapter(): StoreAdapter<Letter & { version: number }> {
    return this.letters.adapter;
  }

  /** Files messages that failed: each as a new letter, or as one more failure of the letter that it was. */
  async putAside(batch: DeadLetter[]): Promise<void> {
    const told = batch.map(({ headers }) => headers[HEADERS.deadLetter]);
    const known = new Map(
      (await this.adapter.findByIds(told.filter((id) => id !== undefined))).map((l) => [l._id, l]),
    );
    const nodeId = this.broker.nodeID;
    await this.letters.changeEach(
      batch.map((failed, i): Change<Letter> => {
        const before = known.get(told[i] ?? "");
        // The header is anybody's to set: it counts only where the rest fits.
        const same = before?.service === failed.service && before.channel === failed.channel;
        const id = same ? before._id : derivedId("dead-letter", failed.messageId, failed.service);
        const headers = ownHeaders(failed.headers);
        return {
          id,
          cause: causeOf(failed),
          decide: (letter) => recordFailure(letter, failed, { _id: id, nodeId, headers }),
        };
      }),
    );
  }

  /** @throws NotFoundError */
  async get(id: string): Promise<Letter> {
    const letter = await this.letters.get(id);
    if (!letter) throw new NotFoundError("dead letter");
    return letter;
  }

  /** @throws NotFoundError, ConflictError when it is not open, ValidationError of an edited payload */
  async redrive(id: string, cause: Cause, order: RedriveOrder): Promise<Letter> {
    const letter = await this.close(id, cause, (open, now) => redrive(open, order, now));
    void this.send(letter);
    return letter;
  }

  /** The open ones among these are sent again; the others are somebody else's by now. */
  async redriveEach(ids: string[], cause: Cause, order: RedriveOrder): Promise<void> {
    const sent = new Set<string>();
    const letters = await this.letters.changeEach(
      ids.map((id) => ({
        id,
        cause,
        decide: (letter, now) => {
          const decision = letter && redrive(letter, order, now);
          if (decision) sent.add(id);
          else sent.delete(id);
          return decision;
        },
      })),
    );
    for (const letter of letters) if (letter && sent.has(letter._id)) void this.send(letter);
  }

  /** @throws NotFoundError, ConflictError when it is not open */
  discard(id: string, cause: Cause, order: { by: string; reason?: string }): Promise<Letter> {
    return this.close(id, cause, (open, now) => discard(open, order, now));
  }

  private close(
    id: string,
    cause: Cause,
    decide: (letter: Letter, now: Now) => Decision<Letter> | null,
  ): Promise<Letter> {
    const closed = ({ status }: Letter): ConflictError =>
      new ConflictError("DEAD_LETTER_CLOSED", `The dead letter is ${status} already.`);
    return this.letters.demand(id, cause, "dead letter", decide, closed);
  }

  /** To the group that failed, and to no other. What does not go out now is sent by the sweep. */
  private async send({
    _id,
    kind,
    channel,
    key,
    service,
    headers,
    payload,
    resendAt,
  }: Letter): Promise<void> {
    const options = {
      headers: { ...headers, [HEADERS.onlyGroup]: service, [HEADERS.deadLetter]: _id },
      ...(key && { key }),
    };
    const logger = this.broker.getLogger("audit");
    let then: Update = { $unset: { resendAt: true } };
    try {
      if (kind === "command") await this.broker.sendCommand(channel, payload, options);
      else await this.broker.publishEvent(channel, payload, options);
    } catch (error) {
      logger.warn(`Dead letter ${_id} is sent later: ${(error as Error).message}`);
      then = { $set: { resendAt: Date.now() + RETRY_MS } };
    }
    await this.adapter
      .updateEach([{ query: { _id, resendAt }, update: { ...then, $inc: { version: 1 } } }])
      // It is due all the same, a little later.
      .catch((error: Error) => logger.warn(`Dead letter ${_id} is sent again: ${error.message}`));
  }

  private async sendOverdue(): Promise<void> {
    const now = Date.now();
    const overdue = await this.adapter.find({
      query: { resendAt: { $lte: now } },
      sort: "resendAt",
      limit: RESEND_LIMIT,
    });
    if (overdue.length === 0) return;
    const resendAt = now + RESEND_MS;
    const mine = await this.adapter.updateEach(
      overdue.map(({ _id, resendAt: due }) => ({
        query: { _id, status: "redriven", resendAt: due },
        update: { $set: { resendAt }, $inc: { version: 1 } },
      })),
    );
    await Promise.all(overdue.filter((_, i) => mine[i]).map((letter) => this.send({ ...letter, resendAt })));
  }
}

/** @throws ValidationError when the time ends before it begins */
export function letterQuery({ from, to, ...exact }: LetterFilter): Query {
  if (from && to && Date.parse(from) >= Date.parse(to)) throw ValidationError.of("/to", "must be after from");
  return { ...exact, ...timeRange("failedAt", { from, to }) };
}

/** The publisher's own headers: those of the transports speak of one delivery. */
const ownHeaders = (headers: DeadLetter["headers"]): DeadLetter["headers"] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !TRANSPORT_HEADERS.has(name)));

/** A message that could not be read may have anything for an id. */
const causeOf = ({ id, messageId, correlationId }: DeadLetter): Cause => ({
  id: idOr(messageId, id),
  correlationId: idOr(correlationId, id),
});

const idOr = (value: unknown, other: string): string =>
  typeof value === "string" && value.length > 0 && value.length <= 255 ? value : other;
