import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { VARIABLES } from "../../config";

/* Lists in the documents are held against the program, so that they stay whole. */

const ROOT = join(__dirname, "../..");
const text = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** The source files of these folders, as one text. */
const sources = (...folders: string[]): string =>
  folders
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => text(join(folder, file))),
    )
    .join("\n");

const missing = (names: Iterable<string>, document: string): string[] =>
  [...new Set(names)].filter((name) => !document.includes(`\`${name}\``));

const matches = (from: string, pattern: RegExp): string[] =>
  [...from.matchAll(pattern)].map(([, name = ""]) => name);

describe("the documents", () => {
  it("name every dependency", () => {
    const { dependencies, devDependencies } = JSON.parse(text("package.json")) as Record<string, object>;
    const names = [...Object.keys(dependencies ?? {}), ...Object.keys(devDependencies ?? {})];
    expect(missing(names, text("docs/dependencies.md"))).toEqual([]);
  });

  it("describe every variable, and no other", () => {
    const document = text("docs/configuration.md");
    expect(missing(Object.keys(VARIABLES), document)).toEqual([]);
    expect(matches(document, /^\| `([A-Z_]+)`/gm).filter((name) => !(name in VARIABLES))).toEqual([]);
  });

  it("give every variable its line in .env.example, and no other", () => {
    const lines = matches(text(".env.example"), /^([A-Z_]+)=/gm);
    expect(lines.sort()).toEqual(Object.keys(VARIABLES).sort());
  });

  it("explain every error code", () => {
    const declared = matches(text("contracts/errors.ts"), /"([A-Z]{3,}_[A-Z_]+|FORBIDDEN)"/g);
    const thrown = matches(
      sources("services", "mixins", "domain", "providers", "channels", "store", "contracts"),
      /new (?:Hub|Transient|Permanent)Error\(\s*"([A-Z_]+)"/g,
    );
    expect(declared.length).toBeGreaterThan(10);
    expect(missing([...declared, ...thrown], text("docs/errors.md"))).toEqual([]);
  });

  it("link only to files that exist", () => {
    const documents = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => join("docs", file));
    const broken = [...documents, "README.md"].flatMap((document) =>
      matches(text(document), /\]\((?!https?:|#)([^)#]+)/g)
        .filter((link) => !exists(join(ROOT, document, "..", link)))
        .map((link) => `${document}: ${link}`),
    );
    expect(broken).toEqual([]);
  });
});

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EISDIR";
  }
}
