import type { ServiceBroker } from "moleculer";
import { EVENTS, type EventData, type EventType, TOPICS } from "../contracts/events";
import { newId } from "../contracts/ids";
import { parse } from "../contracts/validate";

type SystemEvent = Extract<
  EventType,
  "ServiceStarted" | "ServiceStopped" | "DependencyLost" | "DependencyRestored"
>;

const WATCH_MS = 1_000;

/**
 * What a node tells of itself on `hub.system`: it came, it went, a backing service is lost or back. No
 * aggregate stands behind these, so there is no outbox: what cannot be told now is told by the logs alone.
 */
export class SystemEvents {
  private sequence = 0;
  private readonly lost = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private readonly startedAs = newId();

  constructor(private readonly broker: ServiceBroker) {}

  async started(): Promise<void> {
    await this.tell("ServiceStarted", {
      nodeId: this.broker.nodeID,
      services: [...this.broker.hub.config.SERVICES],
    });
    const watch = (): void => {
      this.timer = setTimeout(() => void this.look().finally(() => this.timer && watch()), WATCH_MS).unref();
    };
    watch();
  }

  /** Tells nothing of a node that never said that it came. */
  async stopping(): Promise<void> {
    if (this.sequence === 0) return;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    await this.tell("ServiceStopped", {
      nodeId: this.broker.nodeID,
      services: [...this.broker.hub.config.SERVICES],
    });
  }

  async tell<T extends SystemEvent>(type: T, data: EventData<T>): Promise<void> {
    const event = {
      eventId: newId(),
      eventType: type,
      timestamp: new Date().toISOString(),
      version: EVENTS[type].version,
      source: "system",
      correlationId: this.startedAs,
      causationId: this.startedAs,
      key: this.broker.nodeID,
      sequence: ++this.sequence,
      data: parse(EVENTS[type].data, data),
    };
    await this.broker
      .publishEvent(TOPICS.system, event, { key: event.key })
      .catch((error: Error) => this.broker.getLogger("system").warn(`${type} not told: ${error.message}`));
  }

  /** Tells each loss and each return of a backing service once. */
  private async look(): Promise<void> {
    const { database } = this.broker.hub;
    const up: Record<string, boolean> = {
      store: await database.ping().catch(() => false),
      commands: this.broker.commandsAdapter.isUp(),
      events: this.broker.eventsAdapter.isUp(),
    };
    const nodeId = this.broker.nodeID;
    for (const [dependency, isUp] of Object.entries(up)) {
      if (isUp !== this.lost.has(dependency)) continue;
      if (isUp) this.lost.delete(dependency);
      else this.lost.add(dependency);
      this.broker.getLogger("system").warn(`${dependency} is ${isUp ? "back" : "lost"}`);
      // A loss of the events themselves is only logged.
      await this.tell(isUp ? "DependencyRestored" : "DependencyLost", { nodeId, dependency });
    }
  }
}
