import { randomUUID } from "node:crypto";
import type { APIResponse, Browser, Page, Route } from "playwright-core";
import { launchBrowser, openTab, type Tab } from "../support/browser";
import type { DeadLetterView, Page as PageOf, Session } from "../support/client";
import { ADMIN, makePlace, type Place } from "../support/environment";
import { place, placed, VISA } from "../support/orders";
import { signIn, signUp } from "../support/people";
import { HubProcess } from "../support/process";
import { waitFor } from "../support/wait";

jest.setTimeout(120_000);

let where: Place;
let hub: HubProcess;
let browser: Browser;
let url: string;
const tabs: Tab[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
  where = await makePlace();
  hub = await HubProcess.start(where.settings);
  url = hub.client.url;
});
afterAll(async () => {
  await browser?.close();
  await hub?.end("SIGTERM");
  await where?.remove();
});
afterEach(async () => {
  await Promise.all(tabs.splice(0).map((tab) => tab.close()));
});

async function tabOf(session?: Session): Promise<Tab> {
  const tab = await openTab(browser, url, session && { session });
  tabs.push(tab);
  return tab;
}

const adminSession = async (): Promise<Session> => (await signIn(hub.client, ADMIN)).session;

/** Holds back the next answer from `path`: `answered` when it is there, `letThrough()` until it was taken. */
async function holdNext(page: Page, path: string) {
  let hold = (_held: [Route, APIResponse]): void => undefined;
  const answered = new Promise<[Route, APIResponse]>((resolve) => (hold = resolve));
  await page.route(`**${path}`, async (route) => hold([route, await route.fetch()]), { times: 1 });
  const letThrough = async (): Promise<void> => {
    const [route, response] = await answered;
    await route.fulfill({ response });
    // One more answer: by then the page has done what it does with the one before.
    await page.evaluate("fetch('/health/live').then((answer) => answer.text())");
  };
  return { answered, letThrough };
}

const route = (page: Page): string => new URL(page.url()).hash;

describe("a session", () => {
  test("given that its user became an administrator, then the pages of one answer after a reload", async () => {
    const { id, session } = await signUp(hub.client);
    const { page, open } = await tabOf(session);
    await open("/plans");
    const admin = hub.client.as((await adminSession()).accessToken);
    await admin.patch(`/api/admin/users/${id}`, { role: "admin" });

    await open(`/admin/orders?userId=${id}`);
    await page.getByRole("link", { name: "Admin", exact: true }).waitFor();
    await page.getByText("No order matches.").waitFor();
  });

  test.each([
    ["sign-in", "Sign in", "/api/auth/login"],
    ["sign-up", "Create the account", "/api/auth/register"],
  ])("begins without leading away when the page was left meanwhile: %s", async (path, action, call) => {
    const { email, password } =
      path === "sign-in"
        ? await signUp(hub.client)
        : { email: `${randomUUID()}@people.test`, password: "a good password" };
    const { page, open } = await tabOf();
    await open(`/${path}?next=/orders`);
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(password);
    const { answered, letThrough } = await holdNext(page, call);
    await page.getByRole("button", { name: action }).click();
    await answered;
    await page.getByRole("link", { name: "Plans", exact: true }).click();
    await page.getByRole("heading", { name: "Plans", level: 1 }).waitFor();
    await letThrough();
    await page.getByLabel("Account").waitFor();
    expect(route(page)).toBe("#/plans");
  });
});

describe("a customer", () => {
  test("given an order whose payment failed, then it says that it gave no subscriptions", async () => {
    const { client, session } = await signUp(hub.client);
    const { id } = await placed(client, { ...VISA, paymentMethod: "pm_card_chargeDeclined" });
    const { page, open } = await tabOf(session);
    await open(`/orders/${id}`);
    const subscriptions = page.locator("section").filter({ hasText: "Subscriptions" });
    await subscriptions.locator("p").waitFor();
    expect(await subscriptions.locator("p").textContent()).toBe("None.");
  });

  test("given a new subscription, then all that was loaded of the list stays", async () => {
    const { client, session } = await signUp(hub.client);
    const { page, open } = await tabOf(session);
    const item = (planId: string) => ({
      id: planId,
      orderId: planId,
      planId,
      quantity: 1,
      status: "ACTIVE",
      currentPeriodEnd: new Date(),
    });
    let asked = 0;
    await page.route("**/api/subscriptions?*", (asking) => {
      if (asking.request().url().includes("after="))
        return asking.fulfill({ json: { items: [item("older")], next: null } });
      const items = ++asked === 1 ? [item("old")] : [item("new"), item("old")];
      return asking.fulfill({ json: { items, next: "more" } });
    });
    await open("/subscriptions");
    await page.getByRole("button", { name: "Load more" }).click();
    await page.getByText("older", { exact: true }).waitFor();
    await page.locator(".live-dot[data-state=live]").waitFor();

    await place(client);
    await page.getByRole("status").getByText("Payment received").waitFor();
    await page.getByRole("status").getByText("Subscription active").waitFor();
    await page.getByText("new", { exact: true }).waitFor();
    expect(await page.locator("tbody .row-title").allTextContents()).toEqual(["new", "old", "older"]);
    expect(asked).toBe(2);
  });

  test("given that the checkout was left while the order was on its way, then a message leads to it", async () => {
    const { client, session } = await signUp(hub.client);
    const { page, open } = await tabOf(session);
    await open("/checkout?plan=basic");
    const { answered, letThrough } = await holdNext(page, "/api/orders");
    await page.getByRole("button", { name: "Pay €9.00" }).click();
    await answered;
    await page.getByRole("link", { name: "Plans", exact: true }).first().click();
    await page.getByRole("heading", { name: "Plans", level: 1 }).waitFor();
    await letThrough();
    const message = page.getByRole("status").getByRole("link", { name: "Order placed" });
    await message.waitFor();
    expect(route(page)).toBe("#/plans");
    const { body } = await client.get<PageOf<{ id: string }>>("/api/orders");
    expect(await message.getAttribute("href")).toBe(`#/orders/${body.items[0]?.id}`);
  });
});

describe("an administrator", () => {
  const focused = (page: Page): Promise<string> => page.evaluate("document.activeElement.tagName");

  test("given an editor that closes, then the focus stays in the page", async () => {
    const session = await adminSession();
    const admin = hub.client.as(session.accessToken);
    await admin.put("/api/admin/simulator", { mode: "broken" });
    const { id } = await place((await signUp(hub.client)).client);
    const letter = await waitFor(
      async () =>
        (await admin.get<PageOf<DeadLetterView>>(`/api/admin/dead-letters?key=${id}`)).body.items[0],
    );
    await admin.put("/api/admin/simulator", { mode: "normal" });
    const { page, open } = await tabOf(session);
    await open(`/admin/dead-letters/${letter.id}`);
    const edit = async (): Promise<void> => {
      await page.getByRole("button", { name: "Edit and redrive" }).click();
      await page.getByLabel("As it is to be sent").and(page.locator(":focus")).waitFor();
    };
    await edit();
    await page.getByRole("button", { name: "Leave it as it was" }).click();
    await page.getByLabel("Payload", { exact: true }).waitFor();
    expect(await focused(page)).not.toBe("BODY");
    await edit();
    await page.getByRole("button", { name: "Redrive as edited" }).click();
    await page.getByLabel("Payload", { exact: true }).waitFor();
    expect(await focused(page)).not.toBe("BODY");
  });

  test("given a redrive of many that was stopped, then the focus stays in the page", async () => {
    const { page, open } = await tabOf(await adminSession());
    let status = "running";
    const redrive = () => ({
      id: "one",
      status,
      filter: {},
      redriven: 1,
      total: 5,
      perSecond: 1,
      progress: 0.2,
      createdAt: new Date(),
    });
    await page.route("**/api/admin/redrives?*", (asking) =>
      asking.fulfill({ json: { items: [redrive()], next: null } }),
    );
    await page.route("**/api/admin/redrives/one/stop", (asking) => {
      status = "stopped";
      return asking.fulfill({ status: 202, json: redrive() });
    });
    await open("/admin/dead-letters");
    const stop = page.getByRole("button", { name: /^Stop the redrive/ });
    await stop.focus();
    await page.keyboard.press("Enter");
    await stop.waitFor({ state: "detached" });
    expect(await focused(page)).toBe("H1");
  });

  test("given a moment in the address that is no date, then the order is shown as it is", async () => {
    const { id } = await placed((await signUp(hub.client)).client);
    const { page, errors, open } = await tabOf(await adminSession());
    await open(`/admin/orders/${id}?at=foo`);
    await page.locator(".order-facts").getByText("Active", { exact: true }).waitFor();
    expect(errors).toEqual([]);
  });

  test.each(["dead-letters", "audit"])("is told that a filter by time is no time: %s", async (list) => {
    const { page, open } = await tabOf(await adminSession());
    await open(`/admin/${list}?from=foo`);
    await page
      .getByRole("alert")
      .getByText(/^From must be /)
      .waitFor();
  });

  test("sees the slider follow the exact moment that was typed", async () => {
    const { id } = await placed((await signUp(hub.client)).client);
    const { page, open } = await tabOf(await adminSession());
    await open(`/admin/orders/${id}`);
    await page.getByRole("button", { name: /^SubscriptionActivated/ }).waitFor();
    const slider = page.getByLabel("Step by step");
    const isAtItsEnd = () =>
      page.evaluate("[...document.querySelectorAll('[type=range]')].every((s) => s.value === s.max)");
    expect(await isAtItsEnd()).toBe(true);
    await page.getByLabel("Exact moment").fill("2020-01-01T00:00:00");
    await page.getByLabel("Exact moment").blur();
    await page.locator(".order-facts").getByText("Not yet", { exact: true }).waitFor();
    expect(await slider.inputValue()).toBe("0");
    await page.getByRole("button", { name: "Back to now" }).click();
    expect(await isAtItsEnd()).toBe(true);
  });
});
