import type { SqliteEngine } from "../../store/sqlite/engine";
import type { Message } from "./message";

/** A message that one group has not finished although its cursor has passed it. */
export interface ParkedRow {
  message: Message;
  /** How often it failed. */
  attempts: number;
  /** How often in a row the store was away for it. */
  outages: number;
}

interface MessageRow {
  seq: number;
  channel: string;
  key: string | null;
  headers: string | null;
  payload: string;
}

/**
 * The tables of one log, and every statement on them. Three of them:
 * - `messages`: what was published, in order;
 * - `cursors`: for each group and channel the seq up to which its messages are done or parked;
 * - `parked`: copies of messages that wait: for their retry (`due`, ms since 1970), or, with `due` null,
 *   for an older message of their key or for the handler that has them in hand.
 * Statements that write run inside `engine.write`.
 */
export class LogTables {
  private readonly messages: string;
  private readonly cursors: string;
  private readonly parked: string;
  private readonly insertSql: string;

  constructor(
    private readonly engine: SqliteEngine,
    kind: "command" | "event",
  ) {
    this.messages = `hub_${kind}_messages`;
    this.cursors = `hub_${kind}_cursors`;
    this.parked = `hub_${kind}_parked`;
    this.insertSql = `INSERT INTO ${this.messages} (seq, channel, key, headers, payload, time)
      VALUES (?,?,?,?,?,?)`;
    engine.exec(`
      CREATE TABLE IF NOT EXISTS ${this.messages} (
        seq INTEGER PRIMARY KEY, channel TEXT NOT NULL, key TEXT, headers TEXT, payload TEXT NOT NULL,
        time INTEGER NOT NULL);
      CREATE INDEX IF NOT EXISTS ${this.messages}_channel ON ${this.messages} (channel, seq);
      CREATE TABLE IF NOT EXISTS ${this.cursors} (
        grp TEXT, channel TEXT, seq INTEGER NOT NULL, PRIMARY KEY (grp, channel)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS ${this.parked} (
        grp TEXT, seq INTEGER, channel TEXT NOT NULL, key TEXT, headers TEXT, payload TEXT NOT NULL,
        attempts INTEGER NOT NULL, outages INTEGER NOT NULL, due INTEGER, PRIMARY KEY (grp, seq));
      CREATE INDEX IF NOT EXISTS ${this.parked}_due ON ${this.parked} (grp, due) WHERE due IS NOT NULL;
      CREATE INDEX IF NOT EXISTS ${this.parked}_key ON ${this.parked} (grp, channel, key, seq);`);
  }

  /** The highest seq that was ever used: a cursor may outlive the messages before it. */
  lastSeq(): number {
    const sql = `SELECT max((SELECT coalesce(max(seq), 0) FROM ${this.messages}),
      (SELECT coalesce(max(seq), 0) FROM ${this.cursors})) AS seq`;
    return (this.engine.prepare(sql).get() as { seq: number }).seq;
  }

  insert(message: Message, time: number): void {
    const { seq, channel, key, text } = message;
    this.engine.prepare(this.insertSql).run(seq, channel, key, headersText(message.headers), text, time);
  }

  /** At most `limit` messages after `seq`, in order. */
  read(after: number, limit: number): Message[] {
    const sql = `SELECT seq, channel, key, headers, payload FROM ${this.messages} WHERE seq > ? ORDER BY seq LIMIT ?`;
    return (this.engine.prepare(sql).all(after, limit) as MessageRow[]).map(toMessage);
  }

  /** How many messages a channel has after `seq`. */
  countAfter(channel: string, seq: number): number {
    const sql = `SELECT count(*) AS n FROM ${this.messages} WHERE channel = ? AND seq > ?`;
    return (this.engine.prepare(sql).get(channel, seq) as { n: number }).n;
  }

  /** Makes a group known to a channel, from the oldest message kept on; gives its cursor. */
  openCursor(group: string, channel: string): number {
    this.engine.prepare(`INSERT OR IGNORE INTO ${this.cursors} VALUES (?, ?, 0)`).run(group, channel);
    const sql = `SELECT seq FROM ${this.cursors} WHERE grp = ? AND channel = ?`;
    return (this.engine.prepare(sql).get(group, channel) as { seq: number }).seq;
  }

  moveCursor(group: string, channel: string, seq: number): void {
    this.engine
      .prepare(`UPDATE ${this.cursors} SET seq = ? WHERE grp = ? AND channel = ? AND seq < ?`)
      .run(seq, group, channel, seq);
  }

  /** Parks a message, or changes how it is parked. */
  park(group: string, row: ParkedRow, due: number | null): void {
    const { seq, channel, key, headers, text } = row.message;
    const sql = `INSERT INTO ${this.parked} (grp, seq, channel, key, headers, payload, attempts, outages, due)
      VALUES (?,?,?,?,?,?,?,?,?)
      ON CONFLICT DO UPDATE SET attempts = excluded.attempts, outages = excluded.outages, due = excluded.due`;
    this.engine
      .prepare(sql)
      .run(group, seq, channel, key, headersText(headers), text, row.attempts, row.outages, due);
  }

  /** Parks a message behind the older ones of its key; it is due at once if there is none any more. */
  parkBehind(group: string, row: ParkedRow): void {
    const { seq, channel, key } = row.message;
    const sql = `SELECT 1 FROM ${this.parked} WHERE grp = ? AND channel = ? AND key = ? AND seq < ? LIMIT 1`;
    const older = this.engine.prepare(sql).get(group, channel, key, seq);
    this.park(group, row, older ? null : 0);
  }

  unpark(group: string, seq: number): void {
    this.engine.prepare(`DELETE FROM ${this.parked} WHERE grp = ? AND seq = ?`).run(group, seq);
  }

  /** Makes the oldest parked message of a key due. */
  releaseNext(group: string, channel: string, key: string): void {
    const oldest = `SELECT min(seq) FROM ${this.parked} WHERE grp = ? AND channel = ? AND key = ?`;
    this.engine
      .prepare(`UPDATE ${this.parked} SET due = 0 WHERE grp = ? AND seq = (${oldest}) AND due IS NULL`)
      .run(group, group, channel, key);
  }

  /** After a start nobody has anything in hand: what no older message of its key holds back is due. */
  releaseAbandoned(group: string, ordered: boolean): void {
    const sql = `UPDATE ${this.parked} AS p SET due = 0 WHERE grp = ? AND due IS NULL AND (? OR key IS NULL OR
      NOT EXISTS (SELECT 1 FROM ${this.parked} o
        WHERE o.grp = p.grp AND o.channel = p.channel AND o.key = p.key AND o.seq < p.seq))`;
    this.engine.prepare(sql).run(group, ordered ? 0 : 1);
  }

  /** At most `limit` parked messages of these channels that are due and not in hand (seqs), oldest first. */
  due(group: string, channels: string[], now: number, inHand: number[], limit: number): ParkedRow[] {
    const sql = `SELECT seq, channel, key, headers, payload, attempts, outages FROM ${this.parked}
      WHERE grp = ? AND due <= ? AND channel IN (SELECT value FROM json_each(?))
        AND seq NOT IN (SELECT value FROM json_each(?)) ORDER BY due, seq LIMIT ?`;
    const rows = this.engine
      .prepare(sql)
      .all(group, now, JSON.stringify(channels), JSON.stringify(inHand), limit) as (MessageRow & ParkedRow)[];
    return rows.map((row) => ({ message: toMessage(row), attempts: row.attempts, outages: row.outages }));
  }

  /** When the next parked message that is not in hand is due; Infinity when there is none. */
  nextDue(group: string, channels: string[], inHand: number[]): number {
    const sql = `SELECT due FROM ${this.parked} WHERE grp = ? AND due IS NOT NULL
      AND channel IN (SELECT value FROM json_each(?))
      AND seq NOT IN (SELECT value FROM json_each(?)) ORDER BY due LIMIT 1`;
    const row = this.engine.prepare(sql).get(group, JSON.stringify(channels), JSON.stringify(inHand));
    return (row as { due: number } | undefined)?.due ?? Infinity;
  }

  /** How many parked messages of a group each key of each channel has. */
  parkedKeys(group: string): { channel: string; key: string; n: number }[] {
    const sql = `SELECT channel, key, count(*) AS n FROM ${this.parked}
      WHERE grp = ? AND key IS NOT NULL GROUP BY channel, key`;
    return this.engine.prepare(sql).all(group) as { channel: string; key: string; n: number }[];
  }

  countParked(group: string): number {
    const sql = `SELECT count(*) AS n FROM ${this.parked} WHERE grp = ?`;
    return (this.engine.prepare(sql).get(group) as { n: number }).n;
  }

  /** The seq up to which all known groups of a channel are done; null for a channel without a group. */
  floor(channel: string): number | null {
    const sql = `SELECT min(seq) AS seq FROM ${this.cursors} WHERE channel = ?`;
    return (this.engine.prepare(sql).get(channel) as { seq: number | null }).seq;
  }

  /** The channels that hold messages; one step of an index for each of them. */
  channels(): string[] {
    const sql = `WITH RECURSIVE names(channel) AS (
      SELECT min(channel) FROM ${this.messages}
      UNION ALL SELECT (SELECT min(channel) FROM ${this.messages} WHERE channel > names.channel)
      FROM names WHERE names.channel IS NOT NULL)
      SELECT channel FROM names WHERE channel IS NOT NULL`;
    return (this.engine.prepare(sql).all() as { channel: string }[]).map((row) => row.channel);
  }

  /**
   * Removes, of the first `limit` messages of a channel, those up to `seq` that are older than `before`; says
   * how many. It never looks at more than that: what is kept may be millions.
   */
  remove(
    channel: string,
    upTo: number,
    { before, after }: { before: number; after: number },
    limit: number,
  ): number {
    const first = `SELECT seq, time FROM ${this.messages} WHERE channel = ? AND seq <= ? ORDER BY seq LIMIT ?`;
    const sql = `DELETE FROM ${this.messages} WHERE seq IN (SELECT seq FROM (${first}) WHERE time < ? OR time > ?)`;
    return Number(this.engine.prepare(sql).run(channel, upTo, limit, before, after).changes);
  }
}

function headersText(headers: Record<string, string>): string | null {
  for (const _name in headers) return JSON.stringify(headers);
  return null;
}

function toMessage(row: MessageRow): Message {
  const headers = row.headers ? (JSON.parse(row.headers) as Record<string, string>) : {};
  return { seq: row.seq, channel: row.channel, key: row.key, headers, text: row.payload };
}
