import { AmqpAdapter } from "../../../channels/amqp";

export const kind = "command";

/** The adapter of the crash test's child process. */
export function childAdapter(url: string): AmqpAdapter {
  return new AmqpAdapter({ url });
}
