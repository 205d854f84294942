import { stockAmqp } from "./stock.kit";

export const kind = "command";

/** The adapter of the crash test's child process. */
export const childAdapter = (url: string) => stockAmqp(url);
