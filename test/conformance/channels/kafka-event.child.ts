import { KafkaAdapter } from "../../../channels/kafka";

export const kind = "event";

/** The adapter of the crash test's child process. */
export function childAdapter(brokers: string): KafkaAdapter {
  return new KafkaAdapter({ brokers: brokers.split(","), clientId: "crash-test" });
}
