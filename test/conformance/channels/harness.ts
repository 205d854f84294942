import { randomUUID } from "node:crypto";
import type { DeadLetter } from "../../../contracts/dead-letter";
import type { Delivery } from "../../../channels/types";
import { waitFor } from "../../support/wait";
import { HubNode, type Subscription } from "./hub-node";
import type { ChannelKit } from "./kit";

/** One call of a handler, as the tests see it. */
export interface Seen {
  n: number;
  delivery: Delivery;
  /** When the handler was called, ms. */
  at: number;
}

/** The nodes, channels and waits of one test. */
export class Harness {
  private readonly nodes = new Set<HubNode>();
  readonly deadline: number;
  readonly channel: string;

  constructor(readonly kit: ChannelKit) {
    this.deadline = kit.deadline ?? 15_000;
    this.channel = kit.channel();
  }

  async node(...subscriptions: Subscription[]): Promise<HubNode> {
    const node = await HubNode.start(this.kit.adapter(), this.kit.kind, subscriptions);
    this.nodes.add(node);
    return node;
  }

  async stop(node: HubNode): Promise<void> {
    this.nodes.delete(node);
    await node.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.nodes].map((node) => this.stop(node)));
  }

  group(): string {
    return `group-${randomUUID().slice(0, 8)}`;
  }

  until<T>(condition: () => T | Promise<T>): Promise<T> {
    return waitFor(condition, { timeout: this.deadline });
  }

  /** The dead letters of this test's channel, once there are `count` of them. */
  async deadLetters(count: number): Promise<DeadLetter[]> {
    let letters: DeadLetter[] = [];
    await this.until(async () => {
      letters = await this.kit.readDeadLetters(this.channel);
      return letters.length >= count;
    });
    return letters;
  }
}

export const numberOf = (payload: unknown): number => (payload as { n: number }).n;

/** A note of one call. */
export const seen = (payload: unknown, delivery: Delivery): Seen => ({
  n: numberOf(payload),
  delivery,
  at: Date.now(),
});

/** 0, 1, ... count - 1. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

export const ascending = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

/** A promise with its handle outside. */
export function gate(): { opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
