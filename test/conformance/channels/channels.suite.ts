import { crashConformance } from "./crash.suite";
import { deliveryConformance } from "./delivery.suite";
import { failureConformance } from "./failures.suite";
import { groupConformance } from "./groups.suite";
import { Harness } from "./harness";
import type { ChannelKit } from "./kit";
import { serverConformance } from "./server-faults.suite";

/** Gives the harness of the running test. */
export type Use = () => Harness;

/** What every transport must keep, whatever is under it: `docs` call it the promises of a channel. */
export function channelConformance(
  makeKit: () => ChannelKit | Promise<ChannelKit>,
  withServer = false,
): void {
  let kit: ChannelKit;
  let harness: Harness;
  beforeAll(async () => {
    kit = await makeKit();
  }, 60_000);
  afterAll(() => kit?.close?.(), 60_000);
  beforeEach(() => {
    harness = new Harness(kit);
  });
  afterEach(() => harness.stopAll(), 30_000);

  const use = () => harness;
  describe("delivery", () => deliveryConformance(use));
  describe("failures", () => failureConformance(use));
  describe("groups", () => groupConformance(use));
  describe("crash of the consumer", () => crashConformance(use));
  if (withServer) describe("faults of the server", () => serverConformance(use));
}
