/** What one part of the bench has found. */
export interface Report {
  title: string;
  /** The first row is the head. */
  rows: string[][];
  notes: string[];
}

export interface Options {
  connections: number;
  /** Seconds of one round of load. */
  seconds: number;
  rounds: number;
  /** Orders to complete. */
  orders: number;
  /** Events in the store, where that is what is measured. */
  events: number;
  /** Orders in the store, likewise. */
  stored: number;
}

export const onServers = (): boolean => Boolean(process.env.MONGO_URL);
