import type { Message } from "./message";

const MAX_MESSAGES = 16_384;
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** The newest messages of the log, in memory, so that groups that keep up neither read nor parse again. */
export class Tail {
  private messages: Message[] = [];
  private characters = 0;
  /** Every message after this one is in the tail. */
  private since: number;

  constructor(lastSeq: number) {
    this.since = lastSeq;
  }

  push(message: Message): void {
    this.messages.push(message);
    this.characters += message.text.length;
    // Twice the size before a cut: so a cut is rare and costs little for each message.
    if (this.messages.length > 2 * MAX_MESSAGES || this.characters > 2 * MAX_CHARACTERS) this.cut();
  }

  private cut(): void {
    let from = Math.max(0, this.messages.length - MAX_MESSAGES);
    let characters = 0;
    for (let i = this.messages.length - 1; i >= from; i--) {
      characters += this.messages[i].text.length;
      if (characters > MAX_CHARACTERS) from = i + 1;
    }
    this.since = from > 0 ? this.messages[from - 1].seq : this.since;
    this.messages = this.messages.slice(from);
    this.characters = this.messages.reduce((sum, { text }) => sum + text.length, 0);
  }

  /** At most `limit` messages after `seq`; null when some of them are no longer here. */
  after(seq: number, limit: number): Message[] | null {
    if (seq < this.since) return null;
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle].seq > seq) high = middle;
      else low = middle + 1;
    }
    return this.messages.slice(low, low + limit);
  }
}
