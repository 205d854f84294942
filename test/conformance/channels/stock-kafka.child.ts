import { stockKafka } from "./stock.kit";

export const kind = "event";

/** The adapter of the crash test's child process. */
export const childAdapter = (brokers: string) => stockKafka(brokers.split(","));
