import type { ServiceBroker, ServiceSchema } from "moleculer";
import { HUB_STARTED } from "./define-service";

/** Runs something again and again while the service is up, one run at a time, with some chance in the interval. */
export class Sweep {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private stopped = true;

  constructor(
    private readonly broker: ServiceBroker,
    private readonly name: string,
    private readonly everyMs: number,
    private readonly run: () => Promise<void>,
  ) {}

  /** Starts it with the broker, ends it with the service. */
  get mixin(): Partial<ServiceSchema> {
    return {
      events: {
        [HUB_STARTED]: () => {
          this.stopped = false;
          this.next();
        },
      },
      stopped: async () => {
        this.stopped = true;
        if (this.timer) clearTimeout(this.timer);
        await this.running;
      },
    };
  }

  private next(): void {
    if (this.stopped) return;
    this.timer = setTimeout(
      () => {
        this.running = this.run()
          .catch((error: Error) => this.broker.getLogger(this.name).warn(error.message))
          .then(() => this.next());
      },
      this.everyMs * (0.75 + Math.random() / 2),
    );
  }
}
