import { execFile } from "node:child_process";
import { ROOT } from "../../config/paths";

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function call(program: string, ...given: string[]): Promise<Ended> {
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      ["--import", "tsx", program, ...given],
      { cwd: ROOT },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    ),
  );
}

describe("programs of npm run", () => {
  it.concurrent.each([
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
  ])("given %s: a line that says so, and exit code 2", async (_, program, given, told) => {
    const { code, stderr, stdout } = await call(program, ...given);
    expect(stderr).toMatch(told);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  it.concurrent("given --help: their usage, and exit code 0", async () => {
    const { code, stdout } = await call("scripts/drill.ts", "--help");
    expect(stdout).toMatch(/^npm run drill -- \[--runs 1\]/);
    expect(code).toBe(0);
  });
});
