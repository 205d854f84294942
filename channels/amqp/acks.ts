import type { Channel, ConsumeMessage } from "amqplib";

/**
 * Acknowledgements of one consuming channel, sent together once a turn of the event loop: with one frame up
 * to the first message that is still under way, and one by one above it. Delivery tags count from 1 on each
 * channel, so they mean nothing on another: after `close` all calls do nothing, and RabbitMQ delivers again.
 */
export class Acks {
  /** The lowest tag that is not settled. */
  private next = 1;
  private readonly settled = new Set<number>();
  private fresh = new Map<number, ConsumeMessage>();
  private scheduled = false;
  private open = true;

  constructor(private readonly channel: Channel) {}

  get isOpen(): boolean {
    return this.open;
  }

  /** The message is done. */
  ack(message: ConsumeMessage): void {
    if (!this.open) return;
    const tag = message.fields.deliveryTag;
    this.settled.add(tag);
    this.fresh.set(tag, message);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Hands the message back, to be delivered again. */
  requeue(message: ConsumeMessage): void {
    if (!this.open) return;
    this.settled.add(message.fields.deliveryTag);
    this.send(() => this.channel.nack(message, false, true));
  }

  flush(): void {
    this.scheduled = false;
    if (!this.open) return;
    let upTo: ConsumeMessage | undefined;
    while (this.settled.delete(this.next)) {
      upTo = this.fresh.get(this.next) ?? upTo;
      this.fresh.delete(this.next++);
    }
    const alone = this.fresh;
    this.fresh = new Map();
    if (upTo) this.send(() => this.channel.ack(upTo, true));
    for (const message of alone.values()) this.send(() => this.channel.ack(message));
  }

  close(): void {
    this.open = false;
  }

  private send(frame: () => void): void {
    try {
      frame();
    } catch {
      // The channel closed a moment ago; what it didn't take is delivered again.
      this.open = false;
    }
  }
}
