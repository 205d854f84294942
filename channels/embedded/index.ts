export { EmbeddedAdapter, type EmbeddedOptions } from "./adapter";
