export { AmqpAdapter, type AmqpOptions } from "./adapter";
