export { KafkaAdapter, type KafkaOptions } from "./adapter";
