const { MONGO_URL, COMMANDS_URL, EVENTS_URL, TRANSPORTER } = process.env;

/** Nodes meet on real servers only: without all four URLs these suites are left out. */
export const describeOnServers =
  MONGO_URL && COMMANDS_URL && EVENTS_URL && TRANSPORTER ? describe : describe.skip;

/** Processes start, leave groups and come back: each test has this long, in milliseconds. */
export const NODES_TIMEOUT = 180_000;
