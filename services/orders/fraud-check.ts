import type { LoggerInstance, ServiceBroker } from "moleculer";
import type { Config } from "../../config";
import { FraudAnswer, type FraudRequest } from "../../contracts/api";
import { TRACEPARENT } from "../../contracts/traceparent";
import { parse } from "../../contracts/validate";
import type { Cause } from "../../mixins/persistence/aggregates";

const TIMEOUT_MS = 500;
/** So many failures in a row open the circuit, for so long. */
const FAILURES = 5;
const OPEN_MS = 10_000;

/**
 * Asks the fraud function, in the mesh or at `FRAUD_URL`. One that fails or is slow does not hold the order
 * up: after `TIMEOUT_MS` there is no answer, and while the circuit is open it is not even asked.
 */
export class FraudCheck {
  private readonly logger: LoggerInstance;
  private failures = 0;
  private openUntil = 0;

  constructor(
    private readonly broker: ServiceBroker,
    private readonly config: Config,
  ) {
    this.logger = broker.getLogger("orders.fraud");
  }

  /** The answer, or null: the order goes on, marked for review. */
  async score(request: FraudRequest, cause: Cause): Promise<FraudAnswer | null> {
    if (Date.now() < this.openUntil) return null;
    try {
      const answer = parse(FraudAnswer, await this.ask(request, cause));
      this.failures = 0;
      return answer;
    } catch (error) {
      if (++this.failures >= FAILURES) this.openUntil = Date.now() + OPEN_MS;
      this.logger.warn(
        { correlationId: cause.correlationId, key: request.orderId },
        `The fraud function did not answer, the order is marked for review: ${(error as Error).message}`,
      );
      return null;
    }
  }

  private async ask(request: FraudRequest, { correlationId, trace }: Cause): Promise<unknown> {
    const url = this.config.FRAUD_URL;
    if (!url)
      return this.broker.call("fraud.score", request, {
        timeout: TIMEOUT_MS,
        requestID: correlationId,
        ...(trace && { meta: { [TRACEPARENT]: trace } }),
      });
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-correlation-id": correlationId,
        ...(trace && { [TRACEPARENT]: trace }),
      },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  }
}
