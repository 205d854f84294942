import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ROOT } from "../../config/paths";
import { NODE } from "../support/process";

const [node, ...args] = NODE;

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function call(program: string, ...given: string[]): Promise<Ended> {
  return new Promise((resolve) =>
    execFile(node, [...args, program, ...given], { cwd: ROOT }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
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

describe("npm run replay", () => {
  let accessToken = "a-token";
  const hub = createServer((request, response) => {
    const signedIn = request.headers.authorization === "Bearer a-token";
    const isLogin = request.url === "/api/auth/login";
    const refused = { code: "TOKEN_MISSING", detail: "This call needs an access token." };
    response.writeHead(isLogin || signedIn ? 200 : 401);
    response.end(
      JSON.stringify(
        isLogin ? { accessToken } : signedIn ? { projections: ["dashboard", "catalogue"] } : refused,
      ),
    );
  });
  const replay = (): Promise<Ended> => {
    const { port } = hub.address() as AddressInfo;
    const given = ["--url", `http://127.0.0.1:${port}`, "--admin-password", "a good password"];
    return call("scripts/replay.ts", "nothing", ...given);
  };

  beforeAll(() => new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve)));
  afterAll(() => new Promise((resolve) => hub.close(resolve)));

  it("of a projection that is not there: names those that are", async () => {
    const { code, stderr } = await replay();
    expect(stderr).toContain("There is no projection nothing. Can be built again: dashboard, catalogue");
    expect(code).toBe(2);
  });

  it("that the hub refuses: tells its problem in a line", async () => {
    accessToken = "another";
    const { code, stderr } = await replay();
    expect(stderr).toContain("401 TOKEN_MISSING: This call needs an access token.");
    expect(code).toBe(2);
  });
});
