import { parseArgs, type ParseArgsConfig } from "node:util";

/** What the person who called asked for cannot be done: told in a line, with a hint, exit code 2. */
class UsageError extends Error {}

type Arguments<C extends ParseArgsConfig> = ReturnType<typeof parseArgs<C>>;

/**
 * The options of a program of `npm run`. `--help` prints the usage and ends it with 0; an option that it does
 * not know ends it with 2 and a line that says so.
 */
export function readOptions<C extends ParseArgsConfig>(usage: string, config: C): Arguments<C> {
  const options = { ...config.options, help: { type: "boolean" as const } };
  try {
    const found = parseArgs({ ...config, options });
    if ((found.values as { help?: boolean }).help) {
      print(usage);
      process.exit(0);
    }
    return found as Arguments<C>;
  } catch (error) {
    return fail(new UsageError((error as Error).message));
  }
}

/** An option's value as a whole number, or the end of the program with a line that says what it takes. */
export function whole(option: string, value: string | undefined, min = 1): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= min) return number;
  return fail(new UsageError(`${option} takes a whole number from ${min}; it is "${value}".`));
}

/** Runs a program: its number is the exit code; an error is one line and exit code 2. */
export function run(main: () => Promise<number>): void {
  // Clients of brokers may hold the loop: when the work is done, the program is.
  main().then((code) => process.stdout.write("", () => process.exit(code)), fail);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(error: Error): never {
  process.stderr.write(
    `${error.message}\n${error instanceof UsageError ? "--help says what it takes.\n" : ""}`,
  );
  process.exit(2);
}
