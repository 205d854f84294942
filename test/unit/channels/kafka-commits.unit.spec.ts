import type { EachBatchPayload, OffsetsByTopicPartition } from "kafkajs";
import { Commits } from "../../../channels/kafka/commits";

type Held = { offsets: OffsetsByTopicPartition; answer(error?: Error): void };

describe("commits of a member of a Kafka group", () => {
  let requests: Held[];
  let commits: Commits;

  beforeEach(() => {
    requests = [];
    commits = new Commits();
  });

  /** A batch whose commits wait until they are answered. */
  function batch(topic: string, partition: number): EachBatchPayload {
    const commitOffsetsIfNecessary = (offsets: OffsetsByTopicPartition) =>
      new Promise<void>((resolve, reject) =>
        requests.push({ offsets, answer: (error) => (error ? reject(error) : resolve()) }),
      );
    return { batch: { topic, partition }, commitOffsetsIfNecessary } as unknown as EachBatchPayload;
  }

  const turn = () => new Promise((resolve) => setImmediate(resolve));

  test("given partitions that end together: one request, with the furthest offset of each", async () => {
    const done = [
      commits.commit(batch("orders", 0), 5n),
      commits.commit(batch("orders", 0), 9n),
      commits.commit(batch("orders", 1), 3n),
      commits.commit(batch("plans", 0), 7n),
    ];
    await turn();
    expect(requests.map(({ offsets }) => offsets)).toEqual([
      {
        topics: [
          {
            topic: "orders",
            partitions: [
              { partition: 0, offset: "9" },
              { partition: 1, offset: "3" },
            ],
          },
          { topic: "plans", partitions: [{ partition: 0, offset: "7" }] },
        ],
      },
    ]);
    requests[0]?.answer();
    await expect(Promise.all(done)).resolves.toHaveLength(4);
  });

  test("given a request under way: what ends meanwhile waits, and goes together", async () => {
    const first = commits.commit(batch("orders", 0), 1n);
    await turn();
    const others = [commits.commit(batch("orders", 0), 2n), commits.commit(batch("orders", 1), 2n)];
    await turn();
    expect(requests).toHaveLength(1);
    requests[0]?.answer();
    await first;
    await turn();
    expect(requests).toHaveLength(2);
    requests[1]?.answer();
    await Promise.all(others);
  });

  test("given a refusal: it reaches those that it is about, and the next ones are sent", async () => {
    const refused = commits.commit(batch("orders", 0), 1n);
    await turn();
    const next = commits.commit(batch("orders", 0), 2n);
    requests[0]?.answer(new Error("The group is rebalancing"));
    await expect(refused).rejects.toThrow("rebalancing");
    await turn();
    requests[1]?.answer();
    await expect(next).resolves.toBeUndefined();
  });

  test("given a rebalance: what waits for a partition that went is not committed", async () => {
    const first = commits.commit(batch("orders", 0), 1n);
    await turn();
    const gone = commits.commit(batch("orders", 1), 4n);
    const kept = commits.commit(batch("orders", 0), 2n);
    commits.keep((_, partition) => partition === 0);
    await expect(gone).resolves.toBeUndefined();
    requests[0]?.answer();
    await first;
    await turn();
    expect(requests[1]?.offsets.topics).toEqual([
      { topic: "orders", partitions: [{ partition: 0, offset: "2" }] },
    ]);
    requests[1]?.answer();
    await kept;
  });
});
