import base from "../../../jest.config.mjs";

/** @type {import("jest").Config} */
export default {
  ...base,
  testTimeout: 90_000,
  rootDir: "../../..",
  testMatch: ["<rootDir>/test/conformance/channels/{stock.checks,{embedded,amqp,kafka}.spec}.ts"],
};
