import { spawnSync } from "node:child_process";
import { ROOT } from "../../config/paths";

function call(program: string, ...given: string[]) {
  const options = { cwd: ROOT, encoding: "utf8" } as const;
  return spawnSync(process.execPath, ["--import", "tsx", program, ...given], options);
}

describe("programs of npm run", () => {
  it.each([
    ["an option that it does not know", "scripts/demo.ts", ["--speed", "9"], /^Unknown option '--speed'/],
    ["a number that is none", "scripts/drill.ts", ["--runs", "many"], /^--runs takes a whole number from 1/],
    [
      "a section that is not there",
      "bench/run.ts",
      ["speed"],
      /^There is no section speed; there are accept/,
    ],
    [
      "a hub that is not there",
      "scripts/replay.ts",
      ["--url", "http://127.0.0.1:1"],
      /^No hub answers at http/,
    ],
  ])("given %s: a line that says so, and exit code 2", (_, program, given, told) => {
    const { status, stderr, stdout } = call(program, ...given);
    expect(stderr).toMatch(told);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });

  it("given --help: their usage, and exit code 0", () => {
    const { status, stdout } = call("scripts/drill.ts", "--help");
    expect(stdout).toMatch(/^npm run drill -- \[--runs 1\]/);
    expect(status).toBe(0);
  });
});
