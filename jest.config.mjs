import { availableParallelism } from "node:os";

/** @type {import("jest").Config} */
export default {
  testEnvironment: "node",
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  testMatch: ["<rootDir>/test/**/*.spec.ts"],
  setupFilesAfterEnv: ["<rootDir>/test/support/retries.ts"],
  testSequencer: "<rootDir>/test/support/sequencer.cjs",
  testTimeout: 60_000,
  // The suites wait about as long as they work.
  maxWorkers: Math.ceil(availableParallelism() * 1.5),
  modulePathIgnorePatterns: ["<rootDir>/dist", "<rootDir>/data", "<rootDir>/.servers"],
};
