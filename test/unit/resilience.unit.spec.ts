import { Errors, ServiceBroker, type BrokerOptions } from "moleculer";
import { loadConfig } from "../../config";
import { brokerOptions } from "../../moleculer.config";
import type { Database } from "../../store/types";
import { waitFor } from "../support/wait";

/** What the hub sets of Moleculer's resilience, between nodes of one process. */
async function nodes(...names: string[]): Promise<ServiceBroker[]> {
  const { retryPolicy, circuitBreaker } = await brokerOptions(loadConfig({}), {} as Database);
  const shared: BrokerOptions = {
    namespace: `resilience-${Math.random()}`,
    transporter: "Fake",
    logger: false,
    retryPolicy,
    circuitBreaker,
  };
  return names.map((nodeID) => new ServiceBroker({ ...shared, nodeID }));
}

const never = new Promise<never>(() => undefined);

describe("a node that ends before it answers", () => {
  let brokers: ServiceBroker[] = [];
  afterEach(() => Promise.all(brokers.map((broker) => broker.stop())));

  /** Asks for `orders.place` or `orders.get` on two nodes, and ends each that has been asked, twice at most. */
  async function asked(action: string): Promise<{ times: number; answer: unknown }> {
    brokers = await nodes("gateway", "one", "two", "three");
    const [gateway, ...workers] = brokers as [ServiceBroker, ...ServiceBroker[]];
    const begun: ServiceBroker[] = [];
    for (const worker of workers) {
      const handler = () => begun.push(worker) && (begun.length < 3 ? never : "done");
      worker.createService({ name: "orders", actions: { place: handler, get: handler } });
    }
    await Promise.all(brokers.map((broker) => broker.start()));
    await gateway.waitForServices("orders");
    let answer: unknown;
    void gateway.call(action).then(
      (result) => (answer = result),
      (error) => (answer = error),
    );
    const ended = new Set<ServiceBroker>();
    await waitFor(async () => {
      for (const worker of begun.slice(0, 2))
        if (!ended.has(worker)) {
          ended.add(worker);
          await worker.transit?.disconnect();
        }
      return answer !== undefined;
    });
    return { times: begun.length, answer };
  }

  test("is asked again elsewhere where the call only reads", async () => {
    expect(await asked("orders.get")).toEqual({ times: 3, answer: "done" });
  });

  test("is not where the call changes something: an order would be placed twice", async () => {
    const { times, answer } = await asked("orders.place");
    expect(times).toBe(1);
    expect(answer).toBeInstanceOf(Errors.RequestRejectedError);
  });
});

test("errors of one caller, bugs too, never shut an action for the others", async () => {
  const [broker] = (await nodes("one")) as [ServiceBroker];
  broker.createService({
    name: "orders",
    actions: {
      get({ params }: { params: { fail?: boolean } }) {
        if (params.fail) throw new TypeError("a bug");
        return "done";
      },
    },
  });
  await broker.start();
  for (let i = 0; i < 50; i++)
    await expect(broker.call("orders.get", { fail: true })).rejects.toThrow("a bug");
  expect(await broker.call("orders.get")).toBe("done");
  await broker.stop();
});
