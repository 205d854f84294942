/**
 * Before the next piece of long work: the embedded store answers without a turn of the event loop, and here
 * everything else on this node has its own.
 */
export const othersFirst = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
