import type { BatchHandler, Delivery, HubChannel, Outcome } from "../../../channels/types";
import { contracts } from "../../../mixins/contracts";

const refund = (n: number) => ({
  commandId: `c${n}`,
  commandType: "payments.refund",
  timestamp: "2026-01-31T12:00:00.000Z",
  version: "1.0",
  source: "orders",
  correlationId: "trace",
  causationId: "cause",
  key: `o${n}`,
  sequence: 1,
  data: { orderId: `o${n}`, userId: "u1", amount: 100, currency: "EUR", reason: "" },
});

type LocalChannel = (next: BatchHandler, chan: Partial<HubChannel>) => BatchHandler;

function run(handler: (payloads: unknown[]) => Promise<void | Outcome[]>, payloads: unknown[]) {
  const { localChannel } = contracts as unknown as { localChannel: LocalChannel };
  const deliveries = payloads.map(() => ({}) as Delivery);
  return localChannel(handler as BatchHandler, { name: "payments.refund" })(payloads, deliveries);
}

test("given a message that breaks its contract, then it is refused and its neighbours are handled", async () => {
  const handled: unknown[] = [];
  const handler = async (payloads: unknown[]) => void handled.push(...payloads);
  const outcomes = await run(handler, [refund(1), { commandType: "payments.refund" }, refund(2)]);
  expect(outcomes).toEqual([null, expect.objectContaining({ retryable: false }), null]);
  expect(handled).toEqual([refund(1), refund(2)]);
});

test("given a handler that gives too few outcomes, then none of its messages is taken as done", async () => {
  await expect(run(async () => [null], [refund(1), refund(2)])).rejects.toThrow(
    "The handler gave 1 outcomes for 2 messages.",
  );
});
