/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  testMatch: ["<rootDir>/test/**/*.spec.ts"],
  setupFilesAfterEnv: ["<rootDir>/test/support/retries.ts"],
  testTimeout: 60_000,
  // Jest leaves one core free; the suites wait more than they work.
  maxWorkers: "100%",
  modulePathIgnorePatterns: ["<rootDir>/dist", "<rootDir>/data", "<rootDir>/.servers"],
};
