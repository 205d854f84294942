import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import type { Session } from "./client";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** The system's Chromium. @throws Error that says what to install when there is none. */
export function launchBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM))
    throw new Error(`No browser at ${CHROMIUM}: install it (apt-get install chromium), or set CHROMIUM.`);
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

/** A tab of its own profile, and all that went wrong in it: errors of scripts and of the console. */
export interface Tab {
  page: Page;
  errors: string[];
  /** Goes to a route of the pages. */
  open(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a tab, signed in where a session is given. */
export async function openTab(
  browser: Browser,
  url: string,
  { session, ...options }: BrowserContextOptions & { session?: Session } = {},
): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: "en",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(`${message.text()} ${message.location().url}`);
  });
  if (session) await context.addInitScript(startScript(url, session));
  return {
    page,
    errors,
    // By way of an empty page: a change of the hash alone would keep the page that is there.
    async open(path) {
      await page.goto("about:blank");
      await page.goto(`${url}/#${path}`);
      await page.locator("h1").first().waitFor();
    },
    close: () => context.close(),
  };
}

/** Puts the session where the pages keep it, once: what they make of it later stays. */
function startScript(url: string, session: Session): string {
  const ttl = session.expiresIn * 1000;
  const state = JSON.stringify({ ...session, ttl, expiresAt: Date.now() + ttl });
  return `if (location.origin === ${JSON.stringify(url)} && !localStorage.getItem("test.started")) {
    localStorage.setItem("test.started", "yes");
    localStorage.setItem("hub.session", ${JSON.stringify(state)});
  }`;
}
