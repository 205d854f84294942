import { Partitioners, type Kafka, type Message, type Producer } from "kafkajs";
import { ChannelUnavailableError } from "../../contracts/errors";

interface Waiting {
  topic: string;
  message: Message;
  resolve(): void;
  reject(error: Error): void;
}

/** The most messages in one request, and the most that wait before publishers are turned away. */
const BATCH = 1_000;
const QUEUE = 20_000;

/**
 * Publishes through an idempotent producer, one `sendBatch` at a time: what comes in while one is under way
 * goes with the next, in order. Each publish settles with its batch.
 */
export class Publisher {
  private producer: Producer | null = null;
  private queue: Waiting[] = [];
  private sending: Promise<void> | null = null;

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
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 1_000 },
    });
    await producer.connect();
    this.producer = producer;
  }

  /** Resolves when all in-sync replicas have the message. @throws ChannelUnavailableError */
  publish(topic: string, message: Message): Promise<void> {
    if (!this.producer) return Promise.reject(new ChannelUnavailableError("Kafka is not connected."));
    if (this.queue.length >= QUEUE)
      return Promise.reject(new ChannelUnavailableError("Too many events wait for Kafka."));
    return new Promise((resolve, reject) => {
      this.queue.push({ topic, message, resolve, reject });
      this.sending ??= this.send().finally(() => (this.sending = null));
    });
  }

  private async send(): Promise<void> {
    // Let what was published in this turn of the event loop go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, BATCH);
      const producer = this.producer;
      try {
        if (!producer) throw new Error("Kafka is not connected.");
        await producer.sendBatch({ acks: -1, topicMessages: byTopic(batch) });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const failure = new ChannelUnavailableError(`Kafka did not confirm: ${(error as Error).message}`, {
          cause: error,
        });
        // Nobody behind these may overtake them: all that wait are turned away, and come again in order.
        for (const { reject } of [...batch, ...this.queue.splice(0)]) reject(failure);
        // An idempotent producer that failed may have lost its sequence: the next one starts a new one.
        if (producer && producer === this.producer) await this.drop(error as Error);
      }
    }
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

function byTopic(batch: Waiting[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const { topic, message } of batch) {
    const messages = topics.get(topic);
    if (messages) messages.push(message);
    else topics.set(topic, [message]);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
