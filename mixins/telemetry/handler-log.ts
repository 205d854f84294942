import type { LoggerInstance, Middleware, ServiceBroker } from "moleculer";
import {
  DEAD_LETTERS,
  type BatchHandler,
  type Delivery,
  type HubChannel,
  type Outcome,
} from "../../channels/types";
import type { DeadLetter } from "../../contracts/dead-letter";
import { messageId, messageType, type MessageEnvelope } from "../../contracts/envelope";
import { isRetryable } from "../../contracts/errors";

/** A line for each message that a handler could not do, and for each dead letter, with its correlation id. */
export const handlerLog: Middleware = {
  name: "HandlerLog",
  localChannel(this: ServiceBroker, next: BatchHandler, { group, name: channel }: HubChannel): BatchHandler {
    const logger = this.getLogger("handlers");
    if (channel === DEAD_LETTERS)
      return async (letters, deliveries) => {
        const outcomes = await next(letters, deliveries);
        // What is no dead letter becomes one, and is told of then.
        letters.forEach((letter, i) => {
          if (!outcomes?.[i]) tellOfLetter(logger, letter as DeadLetter);
        });
        return outcomes;
      };

    function tell(payload: unknown, delivery: Delivery, error: unknown): void {
      const message = (typeof payload === "object" && payload !== null ? payload : {}) as MessageEnvelope;
      const { correlationId, key } = message;
      const ids = { correlationId, key, messageId: messageId(message), type: messageType(message) };
      const { code, message: why } = error as { code?: unknown; message?: string };
      const line = { ...ids, group, channel, attempt: delivery.attempt, code };
      const text = `${ids.type ?? "A message"} was not done by ${group}: ${why ?? String(error)}`;
      // One that comes again is no news to an operator, and an outage has many; the metrics count it.
      if (isRetryable(error)) logger.debug(line, text);
      else logger.warn(line, text);
    }

    return async (payloads: unknown[], deliveries: Delivery[]): Promise<void | Outcome[]> => {
      let outcomes: void | Outcome[];
      try {
        outcomes = await next(payloads, deliveries);
      } catch (error) {
        deliveries.forEach((delivery, i) => tell(payloads[i], delivery, error));
        throw error;
      }
      outcomes?.forEach((outcome, i) => {
        if (!outcome) return;
        const failed = (error: unknown): void => {
          if (error) tell(payloads[i], deliveries[i] as Delivery, error);
        };
        if (outcome instanceof Promise) outcome.then(failed, failed);
        else failed(outcome);
      });
      return outcomes;
    };
  },
} as unknown as Middleware;

function tellOfLetter(logger: LoggerInstance, letter: DeadLetter): void {
  const { correlationId, key, messageId: id, type, service: group, channel, reason, attempts } = letter;
  logger.warn(
    { correlationId, key, messageId: id, type, group, channel, reason, attempts },
    `Dead letter: ${type} was not done by ${group} (${reason}): ${letter.error.message}`,
  );
}
