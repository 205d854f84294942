const Sequencer = require("@jest/test-sequencer").default;

const LONG = ["test/faults", "test/conformance"];
const isLong = ({ path }) => LONG.some((folder) => path.includes(folder));

/** The suites that take longest go first, on a machine that has not measured them yet too: none is left alone at the end. */
module.exports = class extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((a, b) => Number(isLong(b)) - Number(isLong(a)));
  }
};
