import type { Browser } from "playwright-core";
import { launchBrowser, openTab, type Tab } from "../support/browser";
import { makePlace, type Place } from "../support/environment";
import { signUp, type Person } from "../support/people";
import { HubProcess } from "../support/process";
import { waitFor } from "../support/wait";

jest.setTimeout(120_000);

let where: Place;
let hub: HubProcess;
let browser: Browser;
const tabs: Tab[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
  where = await makePlace();
  hub = await HubProcess.start(where.settings);
});
afterAll(async () => {
  await browser?.close();
  await hub?.end("SIGTERM");
  await where?.remove();
});
afterEach(async () => {
  await Promise.all(tabs.splice(0).map((tab) => tab.close()));
});

/** A tab of `person`, or of somebody new. */
async function tabOf(person?: Person) {
  const known = person ?? (await signUp(hub.client));
  const tab = await openTab(browser, hub.client.url, { session: known.session });
  tabs.push(tab);
  return { ...tab, person: known };
}

describe("many notifications", () => {
  test("are marked as read in one go, and told to the hub a few at a time", async () => {
    const { page, open } = await tabOf();
    const items = Array.from({ length: 40 }, (_, n) => ({
      id: `note-${n}`,
      orderId: "none",
      title: `Note ${n}`,
      read: false,
      createdAt: new Date(),
    }));
    await page.route("**/api/notifications?*", (route) =>
      route.fulfill({ json: { items: route.request().url().includes("after=") ? [] : items, next: null } }),
    );
    let posts = 0;
    await page.route("**/api/notifications/*/read", async (route) => {
      posts += 1;
      await route.fulfill({ status: 204 });
    });
    await page.addInitScript(`{
      const { fetch } = window;
      let open = 0;
      window.mostOpen = 0;
      window.fetch = async (url, options) => {
        if (!String(url).endsWith("/read")) return fetch(url, options);
        window.mostOpen = Math.max(window.mostOpen, ++open);
        try {
          return await fetch(url, options);
        } finally {
          open -= 1;
        }
      };
    }`);
    await open("/notifications");
    await page.getByText("Note 39").waitFor();
    await page.evaluate(`import("/js/models/notifications.js").then(({ notifications }) => {
      window.drawn = 0;
      notifications.addEventListener("change", () => (window.drawn += 1));
    })`);

    await page.getByRole("button", { name: "Mark all read" }).click();
    await page.getByRole("link", { name: "Notifications", exact: true }).first().waitFor();
    await waitFor(() => posts === items.length);
    expect(await page.evaluate("window.drawn")).toBe(1);
    expect(await page.evaluate("window.mostOpen")).toBeLessThanOrEqual(6);
    expect(await page.locator(".note.unread").count()).toBe(0);
  });
});
