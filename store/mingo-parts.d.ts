/** Where the types of mingo's parts lie: TypeScript's resolution for CommonJS does not read a package's `exports`. */
declare module "mingo/core" {
  export * from "mingo/types/core";
}
declare module "mingo/operators/query" {
  export * from "mingo/types/operators/query";
}
declare module "mingo/query" {
  export * from "mingo/types/query";
}
