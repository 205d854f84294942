import type { Browser, Page, Route } from "playwright-core";
import { launchBrowser, openTab, type Tab } from "../support/browser";
import type { NotificationView, Page as PageOf } from "../support/client";
import { ADMIN, makePlace, type Place } from "../support/environment";
import { placed } from "../support/orders";
import { signIn, signUp, type Person } from "../support/people";
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

/** How many notifications an order has once it is active. */
const TOLD = 2;

/** Somebody with an order, and what they were told of it. */
async function customer() {
  const person = await signUp(hub.client);
  const { id } = await placed(person.client);
  const notes = await waitFor(async () => {
    const { items } = (await person.client.get<PageOf<NotificationView>>("/api/notifications")).body;
    return items.length === TOLD && items;
  });
  return { person, id, notes };
}

const broken = (route: Route) =>
  route.fulfill({
    status: 500,
    contentType: "application/problem+json",
    json: { code: "INTERNAL", detail: "It broke." },
  });

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

describe("notifications whose first list failed", () => {
  test("come with the live line, and the old ones are not told as new", async () => {
    const { person } = await customer();
    const { page, open } = await tabOf(person);
    await page.route("**/api/notifications?*", broken, { times: 1 });
    await open("/plans");
    await page.getByRole("link", { name: `Notifications, ${TOLD} unread` }).waitFor();
    expect(await page.locator("#toasts .toast").count()).toBe(0);
  });

  test("take the place of the error on their page, newest first", async () => {
    const { person, notes } = await customer();
    const { page, open } = await tabOf(person);
    await page.route("**/api/notifications?*", broken, { times: 1 });
    await open("/notifications");
    await page.locator(".note").nth(1).waitFor();
    await page.getByRole("heading", { name: "This did not work" }).waitFor({ state: "detached" });
    expect(await page.locator(".note .row-title").allTextContents()).toEqual(
      notes.map(({ title }) => title).reverse(),
    );
  });
});

describe("an answer that is not the hub's", () => {
  const PORTAL = { contentType: "text/html", body: "<h1>Welcome to the hotel</h1>" };

  test("is told, and no empty form is shown that would wipe what is stored", async () => {
    const { page, errors, open } = await tabOf();
    await page.route("**/api/notifications/preferences", (route) => route.fulfill(PORTAL), { times: 1 });
    await open("/account");
    await page.getByText("Something other than the hub answered").waitFor();
    expect(await page.getByRole("button", { name: "Save" }).count()).toBe(0);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("button", { name: "Save" }).waitFor();
    expect(errors).toEqual([]);
  });

  test("does not break a page that lists something", async () => {
    const { page, errors, open } = await tabOf();
    await page.route("**/api/orders?*", (route) => route.fulfill(PORTAL), { times: 1 });
    await open("/orders");
    await page.getByText("Something other than the hub answered").waitFor();
    expect(errors).toEqual([]);
  });

  test("leaves open whether an order was placed, so that the next press can't place a second", async () => {
    const { page, open } = await tabOf();
    const keys: (string | undefined)[] = [];
    await page.route("**/api/orders", (route) => {
      keys.push(route.request().headers()["idempotency-key"]);
      return keys.length === 1 ? route.fulfill(PORTAL) : broken(route);
    });
    await open("/checkout?plan=pro");
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.getByText("Something other than the hub answered").waitFor();
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.getByText("It broke.").waitFor();
    expect(keys).toEqual([keys[0], keys[0]]);
  });

  test("is not one that has no content by design", async () => {
    const { person, notes } = await customer();
    const { page, open } = await tabOf(person);
    await open("/plans");
    const answered = await page.evaluate(
      `import("/js/api.js").then(({ api }) => api.post("/api/notifications/${notes[0]?.id ?? ""}/read"))`,
    );
    expect(answered).toBeNull();
  });
});

describe("a question whose work is under way", () => {
  /** Holds back each POST to `path`. */
  async function holdPosts(page: Page, path: string): Promise<Route[]> {
    const held: Route[] = [];
    await page.route(path, (route) =>
      route.request().method() === "POST" ? void held.push(route) : route.fallback(),
    );
    return held;
  }

  async function triesToClose(page: Page): Promise<void> {
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.mouse.click(5, 5);
  }

  test("stays until it is known how that ended, and asks for it once", async () => {
    const { person, id } = await customer();
    const { page, open } = await tabOf(person);
    const held = await holdPosts(page, `**/api/orders/${id}/cancel`);
    await open(`/orders/${id}`);
    await page.getByRole("button", { name: `Cancel order ${id}` }).click();
    const dialog = page.getByRole("dialog");
    const act = dialog.getByRole("button", { name: "Cancel the order" });
    const keep = dialog.getByRole("button", { name: "Keep it" });
    await act.click();
    await waitFor(() => held.length === 1);

    await act.click();
    await triesToClose(page);
    expect(await keep.isDisabled()).toBe(true);
    expect(await dialog.count()).toBe(1);
    await Promise.all(held.map(broken));
    await dialog.getByRole("alert").getByText("It broke.").waitFor();
    expect(held).toHaveLength(1);

    await keep.click();
    expect(await dialog.count()).toBe(0);
  });

  test("tells how that failed when the page was left meanwhile", async () => {
    const { person, id } = await customer();
    const { page, open } = await tabOf(person);
    const held = await holdPosts(page, `**/api/orders/${id}/cancel`);
    await open(`/orders/${id}`);
    await page.getByRole("button", { name: `Cancel order ${id}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel the order" }).click();
    await waitFor(() => held.length === 1);

    await page.evaluate(`location.hash = "#/plans"`);
    await page.getByRole("heading", { name: "Plans", level: 1 }).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    await Promise.all(held.map(broken));
    await page.getByRole("status").getByText("Not done: Cancel the order").waitFor();
    await page.getByRole("status").getByText("It broke.").waitFor();
  });

  test("stays when it is a form, too", async () => {
    const { page, open } = await tabOf(await signIn(hub.client, ADMIN));
    const held = await holdPosts(page, "**/api/admin/redrives");
    await open("/admin/dead-letters");
    await page.getByRole("button", { name: "Redrive all" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Redrive them" }).click();
    await waitFor(() => held.length === 1);

    await triesToClose(page);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    expect(await dialog.count()).toBe(1);
    await Promise.all(held.map(broken));
    await dialog.getByRole("alert").getByText("It broke.").waitFor();
    await page.keyboard.press("Escape");
    expect(await dialog.count()).toBe(0);
  });
});
