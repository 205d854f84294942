interface Batch {
  messages: number;
  /** Milliseconds since the epoch. */
  since: number;
}

/** What the consumer groups of a node have been given and have not ended yet. */
export class Inbox {
  private readonly groups = new Map<string, Set<Batch>>();

  /** Notes a batch that a group was given; call what it returns when the batch has ended. */
  take(group: string, messages: number): () => void {
    let batches = this.groups.get(group);
    if (!batches) this.groups.set(group, (batches = new Set()));
    const batch = { messages, since: Date.now() };
    batches.add(batch);
    return () => void batches.delete(batch);
  }

  /** Each group's messages under way, and for how long (ms) the oldest of them has been. */
  read(now = Date.now()): Map<string, { pending: number; oldestMs: number }> {
    return new Map(
      [...this.groups].map(([group, batches]) => {
        let pending = 0;
        let since = now;
        for (const batch of batches) {
          pending += batch.messages;
          since = Math.min(since, batch.since);
        }
        return [group, { pending, oldestMs: now - since }];
      }),
    );
  }
}
