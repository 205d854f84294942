// node ci-summary.mjs FOLDER RUN...: adds up what jest wrote to FOLDER/RUN.json, and prints it as one line.
// A run that left no file, and a test file that could not even be loaded, count as one failure each.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, ...runs] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

for (const run of runs) {
  try {
    const result = JSON.parse(readFileSync(join(folder, `${run}.json`), "utf8"));
    total.passed += result.numPassedTests;
    total.failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
    total.skipped += result.numPendingTests + result.numTodoTests;
  } catch (error) {
    process.stderr.write(`no result of ${run}: ${error.message}\n`);
    total.failed += 1;
  }
}

process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
