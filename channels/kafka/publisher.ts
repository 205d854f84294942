import { Partitioners, type ICustomPartitioner, type Kafka, type Message, type Producer } from "kafkajs";
import { ChannelUnavailableError, PermanentError } from "../../contracts/errors";

interface Waiting {
  topic: string;
  message: Message;
  bytes: number;
  resolve(): void;
  reject(error: Error): void;
}

/** The most messages in one request, and the most that wait before publishers are turned away. */
const BATCH = 1_000;
const QUEUE = 20_000;
/** The most bytes in one request: Kafka takes a megabyte (`max.message.bytes`), headers and all. */
const BATCH_BYTES = 800_000;
/** What a message weighs beside its value: key, headers, framing. */
const OVERHEAD_BYTES = 500;

/**
 * Publishes through an idempotent producer, one `sendBatch` at a time: what comes in while one is under way
 * goes with the next, in order. Each publish settles with its batch.
 */
export class Publisher {
  private producer: Producer | null = null;
  private queue: Waiting[] = [];
  private sending: Promise<void> | null = null;
  private maxBytes = BATCH_BYTES;

  constructor(
    private readonly kafka: Kafka,
    /** Called when the producer is of no use any more. */
    private readonly onFailure: (error: Error) => void,
  ) {}

  get isUp(): boolean {
    return this.producer !== null;
  }

  async connect(): Promise<void> {
    const producer = this.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: stickyPartitioner,
      retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 1_000 },
    });
    await producer.connect();
    this.producer = producer;
  }

  /**
   * Resolves when all in-sync replicas have the message.
   * @throws ChannelUnavailableError; PermanentError `MESSAGE_TOO_LARGE`
   */
  publish(topic: string, message: Message): Promise<void> {
    if (!this.producer) return Promise.reject(new ChannelUnavailableError("Kafka is not connected."));
    if (this.queue.length >= QUEUE)
      return Promise.reject(new ChannelUnavailableError("Too many events wait for Kafka."));
    const bytes = Buffer.byteLength(message.value ?? "") + OVERHEAD_BYTES;
    return new Promise((resolve, reject) => {
      this.queue.push({ topic, message, bytes, resolve, reject });
      this.sending ??= this.send().finally(() => (this.sending = null));
    });
  }

  private async send(): Promise<void> {
    // Let what was published in this turn of the event loop go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, this.batchSize());
      const producer = this.producer;
      try {
        if (!producer) throw new Error("Kafka is not connected.");
        await producer.sendBatch({ acks: -1, topicMessages: byTopic(batch) });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        if (isTooLarge(error)) {
          // Kafka has refused it whole, so nothing is in doubt: the others go on.
          if (batch.length === 1) {
            batch[0].reject(new PermanentError("MESSAGE_TOO_LARGE", (error as Error).message));
            continue;
          }
          // This server takes less than most do.
          this.maxBytes /= 2;
        }
        const failure = new ChannelUnavailableError(`Kafka did not confirm: ${(error as Error).message}`, {
          cause: error,
        });
        // Nobody behind these may overtake them: all that wait are turned away, and come again in order.
        for (const { reject } of [...batch, ...this.queue.splice(0)]) reject(failure);
        // kafkajs takes the sequence numbers of a failed batch back, though Kafka may have stored it: used
        // again, Kafka would confirm the next batch as a repetition and drop it. So: a new producer.
        if (producer && producer === this.producer) await this.drop(error as Error);
      }
    }
  }

  /** How many of those that wait fit into one request; one that is too large goes alone. */
  private batchSize(): number {
    let bytes = 0;
    const over = this.queue.findIndex(
      (waiting, i) => i === BATCH || (bytes += waiting.bytes) > this.maxBytes,
    );
    return over < 0 ? this.queue.length : Math.max(over, 1);
  }

  private async drop(error: Error): Promise<void> {
    const { producer } = this;
    this.producer = null;
    this.onFailure(error);
    await producer?.disconnect().catch(() => undefined);
  }

  /** Ends after what waits was sent or refused. */
  async disconnect(): Promise<void> {
    await this.sending;
    const { producer } = this;
    this.producer = null;
    await producer?.disconnect().catch(() => undefined);
  }
}

/**
 * The default partitioner, which decides once for each message. kafkajs asks again on a retry, and for a
 * message without a key the answer would be another: Kafka would take the changed batch for the one it has.
 */
export const stickyPartitioner: ICustomPartitioner = () => {
  const choose = Partitioners.DefaultPartitioner();
  return (args) => (args.message.partition ??= choose(args));
};

const isTooLarge = (error: unknown): boolean =>
  ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"].includes((error as { type?: string }).type ?? "");

function byTopic(batch: Waiting[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const { topic, message } of batch) {
    const messages = topics.get(topic);
    if (messages) messages.push(message);
    else topics.set(topic, [message]);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
