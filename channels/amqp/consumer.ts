import type { ConsumeMessage } from "amqplib";
import type { LoggerInstance } from "moleculer";
import type { DeadLetter } from "../../contracts/dead-letter";
import { isRetryable } from "../../contracts/errors";
import { mergedRun, type Run } from "../merger";
import type { Verdict } from "../retry";
import type { Settled } from "../run-batch";
import { OUTAGE_DELAYS } from "../retry";
import { backoff } from "../timing";
import { DEAD_LETTERS, type Delivery, type HubChannel } from "../types";
import {
  decode,
  deliveryOf,
  encodeDeadLetter,
  encodeRetry,
  rawText,
  returnsOf,
  withoutHeaders,
  type Outgoing,
} from "./message";
import type { Session } from "./session";
import { Subscription } from "./subscription";
import { delayQueue, workQueue, type Queue } from "./topology";

/** What a consumer needs of its adapter. */
export interface ConsumerHost {
  readonly quorum: boolean;
  readonly logger: LoggerInstance;
  publish(queue: Queue, message: Outgoing): Promise<void>;
  run(chan: HubChannel, payloads: unknown[], deliveries: Delivery[]): Promise<Settled[]>;
  verdict(chan: HubChannel, error: unknown, attempt: number, outages: number): Verdict;
  deadLetter(chan: HubChannel, delivery: Delivery, payload: unknown, error: unknown): DeadLetter;
}

/** A message under way. */
interface Job {
  message: ConsumeMessage;
  from: Subscription;
  payload: unknown;
  delivery: Delivery;
}

/**
 * Consumes the queue of one channel, on one session after the other. A message is acknowledged when its
 * handler is done with it, or when its copy for the next attempt, or its dead letter, is confirmed.
 */
export class Consumer {
  private readonly queue: Queue;
  private readonly run: Run;
  private subscription: Subscription | null = null;
  private underWay = 0;
  private idle: (() => void)[] = [];
  private stopped = false;
  private logged = "";

  constructor(
    readonly chan: HubChannel,
    private readonly prefetch: number,
    private readonly host: ConsumerHost,
  ) {
    this.queue = workQueue(chan.name, host.quorum);
    this.run = mergedRun(chan, (payloads, deliveries) => host.run(chan, payloads, deliveries));
  }

  /** Messages that this node has in hand. */
  get inHand(): number {
    return this.underWay;
  }

  /** Subscribes on this session, and again while the session lives. */
  async attach(session: Session, attempt = 0): Promise<void> {
    if (this.stopped || !session.isOpen()) return;
    const again = (reason: Error, after: number) => {
      if (this.stopped || !session.isOpen()) return;
      this.report(reason);
      setTimeout(() => void this.attach(session, attempt + 1), after).unref();
    };
    const subscription = new Subscription(session, this.queue, {
      onMessages: (messages, from) => this.take(messages, from),
      onEnd: (reason) => {
        void subscription.close();
        again(reason, backoff(0));
      },
    });
    try {
      await subscription.open(this.prefetch);
    } catch (error) {
      void subscription.close();
      return again(error as Error, backoff(attempt));
    }
    if (this.stopped) return subscription.cancel().then(() => subscription.close());
    this.subscription = subscription;
    this.logged = "";
  }

  /** Takes no more messages, waits for those under way (at most `timeout` ms), hands back the rest. */
  async stop(timeout: number): Promise<void> {
    this.stopped = true;
    const deadline = Date.now() + timeout;
    await this.subscription?.cancel();
    await this.settled(Math.max(0, deadline - Date.now()));
    await this.subscription?.close();
    this.subscription = null;
  }

  private settled(timeout: number): Promise<void> {
    if (this.underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private take(messages: ConsumeMessage[], from: Subscription): void {
    const jobs: Job[] = [];
    for (const message of messages) {
      this.underWay++;
      const parsed = decode(message);
      const payload = parsed.ok ? parsed.payload : rawText(message);
      const job = { message, from, payload, delivery: deliveryOf(this.chan, message, payload) };
      if (parsed.ok) jobs.push(job);
      else void this.move(job, this.putAside(job, parsed.error));
    }
    // Without `batch` each runs by itself: a slow one holds up nobody's outcome.
    const size = this.chan.batch ?? 1;
    for (let i = 0; i < jobs.length; i += size) void this.handle(jobs.slice(i, i + size));
  }

  private async handle(jobs: Job[]): Promise<void> {
    const payloads = jobs.map((job) => job.payload);
    const deliveries = jobs.map((job) => job.delivery);
    const outcomes = await this.run(payloads, deliveries);
    jobs.forEach((job, i) => {
      const outcome = outcomes[i];
      if (outcome instanceof Promise) void outcome.then((late) => this.conclude(job, late));
      else this.conclude(job, outcome);
    });
  }

  private conclude(job: Job, outcome: null | Error): void {
    if (!outcome) return this.done(job);
    // Its channel is gone: it will be delivered again, so a copy would be one too many.
    if (!job.from.isOpen()) return this.leaveHand();
    const { attempt } = job.delivery;
    const verdict = this.host.verdict(this.chan, outcome, attempt, returnsOf(job.message));
    if (verdict.dead) void this.move(job, this.putAside(job, outcome));
    else if (verdict.counts) void this.move(job, this.tryAgain(job, outcome, verdict.delay));
    // The store is away, for all messages alike: they wait here, and no more come than fit.
    else this.handBack(job, verdict.delay);
  }

  /** Acknowledges when the copy is confirmed; otherwise the message is delivered again. */
  private async move(job: Job, copied: Promise<void>): Promise<void> {
    try {
      await copied;
      this.done(job);
    } catch (error) {
      const { name } = this.chan;
      this.host.logger.warn(`${name}: a failed message could not be moved: ${(error as Error).message}`);
      this.handBack(job, outageDelay(job));
    }
  }

  /** A foreign message may be one that cannot be sent once more: then this was its last attempt. */
  private async tryAgain(job: Job, error: Error, delay: number): Promise<void> {
    await this.retryLater(job, error, delay).catch((failure: Error) => {
      if (isRetryable(failure)) throw failure;
      return this.putAside(job, error);
    });
  }

  private retryLater({ message, delivery }: Job, error: Error, delay: number): Promise<void> {
    const { name } = this.chan;
    const { correlationId } = message.properties;
    this.host.logger.debug(
      { correlationId: correlationId as unknown },
      `${name}: attempt ${delivery.attempt} failed, again in ${delay} ms:`,
      error,
    );
    const retry = encodeRetry(message, delivery, delay);
    return this.host.publish(delayQueue(name, delay, this.host.quorum), retry);
  }

  private async putAside(job: Job, error: Error): Promise<void> {
    const letter = this.host.deadLetter(this.chan, job.delivery, job.payload, error);
    const queue = workQueue(DEAD_LETTERS, this.host.quorum);
    const message = encodeDeadLetter(letter);
    await this.host.publish(queue, message).catch((failure: Error) => {
      if (isRetryable(failure)) throw failure;
      return this.host.publish(queue, withoutHeaders(message));
    });
    this.host.logger.warn(
      { correlationId: letter.correlationId },
      `${letter.channel}: dead letter ${letter.id} (${letter.reason}): ${error.message}`,
    );
  }

  private done(job: Job): void {
    job.from.ack(job.message);
    this.leaveHand();
  }

  private handBack(job: Job, delay: number): void {
    job.from.requeue(job.message, delay);
    this.leaveHand();
  }

  private leaveHand(): void {
    if (--this.underWay > 0) return;
    const idle = this.idle;
    this.idle = [];
    for (const resolve of idle) resolve();
  }

  private report(reason: Error): void {
    if (reason.message === this.logged) return;
    this.logged = reason.message;
    this.host.logger.warn(`${this.chan.name}: cannot consume, trying again: ${reason.message}`);
  }
}

function outageDelay({ message }: Job): number {
  return OUTAGE_DELAYS[Math.min(returnsOf(message), OUTAGE_DELAYS.length - 1)];
}
