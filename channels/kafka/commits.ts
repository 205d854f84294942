import type { EachBatchPayload, OffsetsByTopicPartition } from "kafkajs";

interface Commit {
  send(offsets: OffsetsByTopicPartition): Promise<void>;
  topic: string;
  partition: number;
  offset: bigint;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The commits of one member: one request at a time, with all that its partitions have finished by then. A
 * merged batch ends for all of its partitions at once; a request for each would cost Kafka a write each.
 */
export class Commits {
  private waiting: Commit[] = [];
  private sending = false;

  /** All of a batch before `offset` are done. Rejects with what Kafka says, a rebalance too. */
  commit({ batch, commitOffsetsIfNecessary: send }: EachBatchPayload, offset: bigint): Promise<void> {
    const { topic, partition } = batch;
    const done = new Promise<void>((resolve, reject) => {
      this.waiting.push({ send, topic, partition, offset, resolve, reject });
      this.schedule();
    });
    // The batch asks at its end; until then nobody listens.
    done.catch(() => undefined);
    return done;
  }

  /** After a rebalance: what waits for a partition that went is not ours to commit any more. */
  keep(isOurs: (topic: string, partition: number) => boolean): void {
    const gone = this.waiting.filter(({ topic, partition }) => !isOurs(topic, partition));
    this.waiting = this.waiting.filter((commit) => !gone.includes(commit));
    for (const { resolve } of gone) resolve();
  }

  private schedule(): void {
    if (this.sending || this.waiting.length === 0) return;
    this.sending = true;
    setImmediate(() => void this.next());
  }

  private async next(): Promise<void> {
    const commits = this.waiting.splice(0);
    try {
      await commits.at(-1)?.send(byTopic(commits));
      for (const { resolve } of commits) resolve();
    } catch (error) {
      for (const { reject } of commits) reject(error);
    }
    this.sending = false;
    this.schedule();
  }
}

/** The furthest offset of each partition. */
function byTopic(commits: readonly Commit[]): OffsetsByTopicPartition {
  const furthest = new Map<string, Map<number, bigint>>();
  for (const { topic, partition, offset } of commits) {
    const partitions = furthest.get(topic) ?? new Map<number, bigint>();
    furthest.set(topic, partitions);
    const known = partitions.get(partition);
    if (known === undefined || offset > known) partitions.set(partition, offset);
  }
  const topics = [...furthest].map(([topic, partitions]) => ({
    topic,
    partitions: [...partitions].map(([partition, offset]) => ({ partition, offset: String(offset) })),
  }));
  return { topics };
}
