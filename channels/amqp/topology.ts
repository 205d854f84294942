import { setTimeout as delay } from "node:timers/promises";
import type { Channel, ChannelModel } from "amqplib";
import { ChannelUnavailableError } from "../../contracts/errors";
import { within } from "../timing";

/** A queue as the hub declares it; whoever else declares it has to say the same. */
export interface Queue {
  name: string;
  arguments: Record<string, string | number>;
}

const DECLARE_TIMEOUT = 10_000;

/** A mismatch is not asked for again before this time is over. */
const FAILURE_KEPT = 1_000;

/**
 * Milliseconds before a queue that went away is declared again. When it comes back at once, RabbitMQ 3.10
 * doesn't tell its consumers that it was gone, and they never get a message again.
 */
const REDECLARE_DELAY = 200;

/**
 * RabbitMQ 4 drops a message of a quorum queue after 20 deliveries, and each lost connection counts as one.
 * The hub counts its own attempts, so the limit is put out of reach.
 */
const NO_DELIVERY_LIMIT = 1_000_000_000;

/** The queue of a channel, and of the dead letters. */
export function workQueue(name: string, quorum: boolean): Queue {
  return {
    name,
    arguments: quorum
      ? { "x-queue-type": "quorum", "x-delivery-limit": NO_DELIVERY_LIMIT }
      : { "x-queue-type": "classic" },
  };
}

/**
 * The queue where messages of `origin` wait `ms` milliseconds or a little longer, and go back from there. A queue
 * serves a step of delays and each message carries its own expiration: messages leave in the order they came,
 * so one is late by a step at most. With default delays an origin has five of them.
 *
 * They have no `x-expires`: a quorum queue counts neither publishing nor declaring as use and goes away with
 * the messages in it (seen on 3.10).
 */
export function delayQueue(origin: string, ms: number, quorum: boolean): Queue {
  const step = ms < 250 ? 50 : 250;
  const rung = Math.floor(ms / step) * step;
  return {
    name: `${origin}.retry.${rung}`,
    arguments: {
      "x-queue-type": quorum ? "quorum" : "classic",
      "x-message-ttl": rung + step,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": origin,
      // The message stays here until the origin has it safely; RabbitMQ asks for reject-publish with that.
      ...(quorum ? { "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish" } : {}),
    },
  };
}

/** Declares queues on one connection, each once; on a channel of its own, since a mismatch closes it. */
export class Topology {
  private readonly known = new Set<string>();
  /** When a queue was found missing, ms since 1970. */
  private readonly missing = new Map<string, number>();
  private readonly declaring = new Map<string, Promise<void>>();
  private channel: Promise<Channel> | null = null;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly connection: ChannelModel) {}

  /** Whether the queue was declared, and not missed since. */
  has(queue: Queue): boolean {
    return this.known.has(queue.name);
  }

  /** The queue is gone, or seems to be. */
  forget({ name }: Queue): void {
    if (this.known.delete(name)) this.missing.set(name, Date.now());
  }

  /** @throws ChannelUnavailableError, which names what differs when the queue exists with other settings. */
  declare(queue: Queue): Promise<void> {
    if (this.has(queue)) return Promise.resolve();
    let declared = this.declaring.get(queue.name);
    if (!declared) {
      declared = this.pause(queue).then(() => this.inTurn(() => this.assert(queue)));
      this.declaring.set(queue.name, declared);
      const done = () => this.declaring.delete(queue.name);
      declared.then(done, () => setTimeout(done, FAILURE_KEPT).unref());
    }
    return declared;
  }

  private async pause({ name }: Queue): Promise<void> {
    const rest = (this.missing.get(name) ?? 0) + REDECLARE_DELAY - Date.now();
    if (rest > 0) await delay(rest);
    this.missing.delete(name);
  }

  /** One after the other: a mismatch closes the channel, and would fail those behind it. */
  private inTurn(declare: () => Promise<void>): Promise<void> {
    const turn = this.last.then(declare);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async assert(queue: Queue): Promise<void> {
    try {
      this.channel ??= this.open();
      const options = { durable: true, arguments: queue.arguments };
      const answer = this.channel.then((channel) => channel.assertQueue(queue.name, options));
      await within(answer, DECLARE_TIMEOUT, `RabbitMQ, declaring the queue "${queue.name}"`);
      this.known.add(queue.name);
    } catch (error) {
      this.channel = null;
      throw declareError(queue, error as Error);
    }
  }

  private async open(): Promise<Channel> {
    const channel = await this.connection.createChannel();
    // The call that caused it is told; without a listener the event would end the process.
    channel.on("error", () => undefined);
    return channel;
  }
}

function declareError(queue: Queue, error: Error): Error {
  if (error instanceof ChannelUnavailableError) return error;
  const differs = /inequivalent arg '(.+?)' for queue .*?: (received .*?)"?$/s.exec(error.message);
  const message = differs
    ? `the queue "${queue.name}" exists with another ${differs[1]} (${differs[2]}); empty and delete it, the hub declares it anew.`
    : `the queue "${queue.name}" could not be declared: ${error.message}`;
  return new ChannelUnavailableError(`RabbitMQ: ${message}`, { cause: error });
}
