import { randomUUID } from "node:crypto";
import type { APIResponse, Browser, Page, Route } from "playwright-core";
import { ORDER_STATUSES } from "../../contracts/events";
import { isCancellable, owes, type OrderFact } from "../../domain/order";
import type { Timeline } from "../../domain/timeline";
import { launchBrowser, openTab, type Tab } from "../support/browser";
import type { Client, DeadLetterView, Page as PageOf, Session } from "../support/client";
import { ADMIN, makePlace, type Place } from "../support/environment";
import { orderIs, orderWhen, place, placed, VISA } from "../support/orders";
import { signIn, signUp } from "../support/people";
import { HubProcess } from "../support/process";
import { waitFor } from "../support/wait";

jest.setTimeout(120_000);

const PASSWORD = "a good password";
const PAGES = ["/plans", "/checkout?plan=pro", "/orders", "/subscriptions", "/notifications", "/account"];
const ADMIN_PAGES = [
  "/admin",
  "/admin/orders",
  "/admin/payments",
  "/admin/users",
  "/admin/plans",
  "/admin/audit",
  "/admin/dead-letters",
  "/admin/stuck",
  "/admin/replays",
  "/admin/simulator",
];

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

async function tabOf(options: Parameters<typeof openTab>[2] = {}): Promise<Tab> {
  const tab = await openTab(browser, url, options);
  tabs.push(tab);
  return tab;
}

/** Somebody new, in a tab of their own. */
async function newcomer(options: Parameters<typeof openTab>[2] = {}) {
  const person = await signUp(hub.client);
  const tab = await tabOf({ ...options, session: person.session });
  return { ...tab, person };
}

const adminSession = async (): Promise<Session> => (await signIn(hub.client, ADMIN)).session;

/** An order whose charge became a dead letter, and the letter. */
async function deadLetter(admin: Client) {
  const customer = await signUp(hub.client);
  await admin.put("/api/admin/simulator", { mode: "broken" });
  const { id } = await place(customer.client);
  const letter = await waitFor(
    async () => (await admin.get<PageOf<DeadLetterView>>(`/api/admin/dead-letters?key=${id}`)).body.items[0],
  );
  return { customer, id, letter };
}

/** Holds back the next answer from `path`: `answered` when it is there, `letThrough()` until it was taken. */
async function holdNext(page: Page, path: string) {
  let hold = (_held: [Route, APIResponse]): void => undefined;
  const answered = new Promise<[Route, APIResponse]>((resolve) => (hold = resolve));
  await page.route(
    ({ pathname, search }) => `${pathname}${search}`.startsWith(path),
    async (route) => hold([route, await route.fetch()]),
    { times: 1 },
  );
  const letThrough = async (): Promise<void> => {
    const [route, response] = await answered;
    await route.fulfill({ response });
    // One more answer: by then the page has done what it does with the one before.
    await page.evaluate("fetch('/health/live').then((answer) => answer.text())");
  };
  return { answered, letThrough };
}

describe("a customer", () => {
  test("signs up, orders, and sees the order become active without a reload", async () => {
    const { page, errors, open } = await tabOf();
    await open("/checkout?plan=pro");
    await page.getByRole("link", { name: "Sign up" }).last().click();
    await page.getByLabel("E-mail").fill(`${randomUUID()}@people.test`);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Create the account" }).click();

    await page.getByRole("heading", { name: "Checkout" }).waitFor();
    await page.getByRole("button", { name: "One more of Basic" }).click();
    await page.evaluate("window.sameDocument = true");
    await page.getByRole("button", { name: "Pay €38.00" }).click();

    await page.locator(".order-facts").getByText("Active", { exact: true }).waitFor();
    await page
      .getByRole("button", { name: /^SubscriptionActivated/ })
      .first()
      .waitFor();
    expect(await page.evaluate("window.sameDocument")).toBe(true);
    expect(errors).toEqual([]);
  });

  test("sees the journey as a picture whose steps open", async () => {
    const { page, open, person } = await newcomer();
    const { id } = await placed(person.client);
    await open(`/orders/${id}`);

    const step = page.getByRole("button", { name: /^PaymentProcessed, event of payments/ });
    await step.click();
    const panel = page.getByRole("complementary", { name: "PaymentProcessed" });
    await panel.getByText(`"${id}"`).first().waitFor();
    expect(await panel.getByRole("button", { name: /^Copy id/ }).count()).toBe(1);
    expect(await page.locator(".edge").count()).toBeGreaterThan(5);

    await page.keyboard.press("Escape");
    expect(await panel.count()).toBe(0);
    await page.locator("[data-entry]:focus").getByText("PaymentProcessed").waitFor();
  });

  test("is told by a toast and a count, and reads the notification", async () => {
    const { page, open, person } = await newcomer();
    await open("/plans");
    await page.locator(".live-dot[data-state=live]").waitFor();
    await place(person.client);

    await page.getByRole("status").getByText("Payment received").waitFor();
    await page.getByRole("link", { name: "Notifications, 2 unread" }).click();
    await page.getByRole("button", { name: "Mark read: Payment received" }).click();
    await page.getByRole("link", { name: "Notifications, 1 unread" }).waitFor();

    await open("/notifications");
    await page.getByRole("link", { name: "Notifications, 1 unread" }).waitFor();
  });

  test("sees why a payment failed", async () => {
    const { page, open } = await newcomer();
    await open("/checkout?plan=basic");
    await page.getByLabel("Card without funds").check();
    await page.getByRole("button", { name: "Pay €9.00" }).click();
    const facts = page.locator(".order-facts");
    await facts.getByText("Payment failed", { exact: true }).waitFor();
    expect(await facts.getByText(/insufficient/i).count()).toBe(1);
  });

  test("sees that the fraud check refused, with a way to the order", async () => {
    const { page, open } = await newcomer();
    await open("/checkout?plan=business");
    await page.getByLabel("Business", { exact: true }).fill("9");
    await page.getByText("By default the fraud check rejects orders above €1,000.00.").waitFor();
    await page.getByRole("button", { name: "Pay €2,610.00" }).click();
    await page.getByText("FRAUD_SUSPECTED").waitFor();
    await page.getByRole("link", { name: "See the rejected order" }).click();
    await page.locator(".order-facts").getByText("Rejected", { exact: true }).waitFor();
  });

  test("cannot order more seats than there are", async () => {
    const { page, open } = await newcomer();
    const admin = hub.client.as((await adminSession()).accessToken);
    const price = { amount: 100, currency: "EUR" };
    for (const [id, seats] of Object.entries({ few: 3, none: 0 }))
      await admin.post("/api/admin/plans", { id, name: `Tour ${id}`, price, interval: "month", seats });
    await open("/checkout?plan=few");
    const pay = page.getByRole("button", { name: /^Pay|^Place the order/ });
    await page.getByLabel("Tour few", { exact: true }).fill("4");
    await page.getByText("Tour few: only 3 seats left.").waitFor();
    expect(await pay.isDisabled()).toBe(true);
    await page.getByLabel("Tour few", { exact: true }).fill("3");
    expect(await pay.isEnabled()).toBe(true);
    await open("/checkout?plan=none");
    await page.getByText("Tour none is sold out.").waitFor();
    expect(await pay.isDisabled()).toBe(true);
  });

  test("finds an order in the list that was placed elsewhere", async () => {
    const { page, open, person } = await newcomer();
    await open("/orders");
    await page.getByText("No orders yet").waitFor();
    await page.locator(".live-dot[data-state=live]").waitFor();
    for (const quantity of [1, 2]) {
      await place(person.client, { ...VISA, quantity });
      const first = page.getByRole("row").nth(1);
      await first.getByRole("link", { name: `Basic × ${quantity}` }).waitFor();
      await first.getByText("Active", { exact: true }).waitFor();
    }
  });

  test("finds new orders on top, whatever their ids, and leaves those of a later page there", async () => {
    const { page, open, person } = await newcomer();
    const oldest = await placed(person.client);
    // The last of the first page: its id has no time, and is nearly always greater than those that have.
    await person.client.post("/api/orders", VISA, { "idempotency-key": randomUUID() });
    for (let n = 0; n < 19; n++) await place(person.client);
    await open("/orders");
    await page.getByRole("row").nth(20).getByText("Active", { exact: true }).waitFor();
    await page.locator(".live-dot[data-state=live]").waitFor();

    await person.client.post(`/api/orders/${oldest.id}/cancel`);
    await page.getByRole("status").getByText("Order cancelled").waitFor();
    await page.getByRole("status").getByText("Money refunded").waitFor();
    await place(person.client, { ...VISA, quantity: 2 });
    await page.getByRole("row").nth(1).getByRole("link", { name: "Basic × 2" }).waitFor();
    expect(await page.getByRole("row").count()).toBe(1 + 20 + 1);
  });

  test("goes on by the keyboard after loading more, and after cancelling in the list", async () => {
    const { page, open, person } = await newcomer();
    for (let n = 0; n < 21; n++) await place(person.client);
    await open("/orders");
    await page.getByRole("button", { name: "Load more" }).click();
    await page.getByRole("row").nth(21).getByRole("link").and(page.locator(":focus")).waitFor();

    const row = page.getByRole("row").nth(1);
    await row.getByRole("button", { name: /^Cancel order/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel the order" }).click();
    await row.getByRole("link").and(page.locator(":focus")).waitFor();
  });

  test("is told that an address leads nowhere, also when it is no text", async () => {
    const { page, errors, open } = await newcomer();
    await open("/orders/%E0%A4%A");
    await page.getByRole("heading", { name: "Not found" }).waitFor();
    expect(errors).toEqual([]);
  });

  test("gets what was asked for when the connection is back", async () => {
    const { page, open } = await newcomer();
    await open("/plans");
    await page.context().setOffline(true);
    await page.getByRole("link", { name: "Subscriptions" }).click();
    await page.getByText("The hub does not answer.").first().waitFor();
    await page.context().setOffline(false);
    await page.getByText("No subscriptions yet").waitFor();
  });

  test("cancels after being asked, and sees the refund", async () => {
    const { page, open, person } = await newcomer();
    const { id } = await placed(person.client);
    await open(`/orders/${id}`);
    await page.getByRole("button", { name: `Cancel order ${id}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel the order" }).click();
    const facts = page.locator(".order-facts");
    await facts.getByText("Cancelled", { exact: true }).waitFor();
    await facts.getByText("Refunded", { exact: true }).waitFor();
  });

  test("sees the subscriptions of an order as they are, though an older answer comes later", async () => {
    const { page, open, person } = await newcomer();
    const { id } = await placed(person.client);
    const { answered, letThrough } = await holdNext(page, "/api/subscriptions?");
    await open(`/orders/${id}`);
    await answered;
    await page.locator(".live-dot[data-state=live]").waitFor();
    await person.client.post(`/api/orders/${id}/cancel`);
    const subscriptions = page.locator("section").filter({ hasText: "Subscriptions" });
    await subscriptions.getByText("Cancelled", { exact: true }).waitFor();
    await letThrough();
    expect(await subscriptions.getByText("Cancelled", { exact: true }).count()).toBe(1);
  });

  test("orders by the keyboard alone", async () => {
    const { page, open } = await newcomer();
    await open("/plans");
    await page.getByRole("link", { name: "Choose Basic" }).waitFor();
    const tabTo = async (name: RegExp) => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press("Tab");
        const label = await page.evaluate<string>(
          "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent",
        );
        if (name.test(label)) return;
      }
      throw new Error(`The keyboard does not come to ${String(name)}.`);
    };
    await tabTo(/^Choose\s*Basic/);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Pay €9.00" }).waitFor();
    expect(await page.evaluate("document.activeElement.tagName")).toBe("H1");
    await tabTo(/^Pay/);
    await page.keyboard.press("Enter");
    await page.locator(".order-facts").getByText("Active", { exact: true }).waitFor();
  });

  test("is signed out in every tab at once", async () => {
    const { page, open } = await newcomer();
    await open("/orders");
    const other = await page.context().newPage();
    await other.goto(`${url}/#/subscriptions`);
    await page.getByLabel("Account").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await other.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  test("keeps the session when the access token ends, with one refresh for all tabs", async () => {
    const { page, open, person } = await newcomer();
    await open("/plans");
    await page.locator(".live-dot[data-state=live]").waitFor();
    await page.evaluate(`{
      const state = JSON.parse(localStorage.getItem("hub.session"));
      localStorage.setItem("hub.session", JSON.stringify({ ...state, expiresAt: 0 }));
    }`);
    const refreshes: string[] = [];
    page.context().on("request", (request) => {
      if (request.url().endsWith("/api/auth/refresh")) refreshes.push(request.url());
    });
    const other = await page.context().newPage();
    await Promise.all([page.goto(`${url}/?again#/orders`), other.goto(`${url}/#/orders`)]);
    await Promise.all(
      [page, other].map((tab) => tab.getByRole("heading", { name: "No orders yet" }).waitFor()),
    );
    const token = await page.evaluate(`JSON.parse(localStorage.getItem("hub.session")).accessToken`);
    expect(token).not.toBe(person.session.accessToken);
    expect(refreshes).toHaveLength(1);
  });

  test("keeps the session as it is when the live line is refused, but not for its token", async () => {
    const { page, open } = await newcomer();
    const items = [
      { id: "not of this hub", orderId: "none", title: "Hello", read: true, createdAt: new Date() },
    ];
    await page.route("**/api/notifications?*", (route) => route.fulfill({ json: { items, next: null } }), {
      times: 1,
    });
    const refreshes: string[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/api/auth/refresh")) refreshes.push(request.url());
    });
    await open("/plans");
    await page.locator(".live-dot[data-state=live]").waitFor();
    expect(refreshes).toEqual([]);
  });

  test("leaves nothing behind that listens, however often somebody signs in", async () => {
    const { page, open } = await newcomer();
    await open("/plans");
    await page.getByLabel("Account").waitFor();
    const devtools = await page.context().newCDPSession(page);
    const listeners = async () => {
      const counts = [];
      for (const expression of [
        "window",
        "document",
        `import("/js/socket.js").then(({ live }) => live)`,
        `import("/js/models/notifications.js").then(({ notifications }) => notifications)`,
      ]) {
        const found = await devtools.send("Runtime.evaluate", { expression, awaitPromise: true });
        const objectId = found.result.objectId ?? "";
        counts.push((await devtools.send("DOMDebugger.getEventListeners", { objectId })).listeners.length);
      }
      return counts;
    };
    const before = await listeners();
    expect(before.every((count) => count > 0)).toBe(true);
    for (let n = 0; n < 3; n++)
      await page.evaluate(
        `import("/js/session.js").then(({ session }) => void session.dispatchEvent(new Event("user")))`,
      );
    expect(await listeners()).toEqual(before);
  });

  test("sees the fields that the hub refuses", async () => {
    const { page, open } = await tabOf();
    const { email } = await signUp(hub.client);
    await open("/sign-up");
    await page.getByRole("button", { name: "Create the account" }).click();
    expect(await page.getByLabel("E-mail").getAttribute("aria-invalid")).toBe("true");
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Create the account" }).click();
    await page.getByText("EMAIL_TAKEN").waitFor();
  });

  test("is told in words what is wrong with where notifications shall go", async () => {
    const { page, open } = await newcomer();
    await open("/account");
    await page.getByLabel("E-mail").fill("a@b");
    await page.getByLabel("Webhook").fill("ftp://example.com/hook");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("An e-mail address, such as you@example.com").waitFor();
    await page.getByText("An address that begins with https:// or http://").waitFor();
    await page.getByLabel("E-mail").fill("");
    await page.getByLabel("Webhook").fill("https://example.com/hook");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("What you set is used from now on.").waitFor();
  });
});

describe("an administrator", () => {
  test("sees the order of a customer, as it is and as it was", async () => {
    const customer = await signUp(hub.client);
    const { id, createdAt } = await placed(customer.client);
    const { page, open } = await tabOf({ session: await adminSession() });
    await open(`/admin/orders?userId=${customer.id}`);
    await page.getByRole("link", { name: "Basic × 1" }).click();
    const facts = page.locator(".order-facts");
    await facts.getByText("Active", { exact: true }).waitFor();
    await page.getByRole("button", { name: /^OrderPlaced/ }).waitFor();
    await open(`/admin/orders/${id}?at=${createdAt}`);
    await facts.getByText("Pending", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Back to now" }).click();
    await facts.getByText("Active", { exact: true }).waitFor();
  });

  test("sees the order as of the moment chosen last, though an older answer comes later", async () => {
    const { id } = await placed((await signUp(hub.client)).client);
    const { page, open } = await tabOf({ session: await adminSession() });
    await open(`/admin/orders/${id}`);
    await page.getByRole("button", { name: /^SubscriptionActivated/ }).waitFor();
    const facts = page.locator(".order-facts");
    const chooses = [
      [() => page.getByRole("button", { name: "Back to now" }).click(), "Active"],
      [() => page.getByLabel("Exact moment").fill("2020-01-01T00:00:00"), "Not yet"],
    ] as const;
    for (const [choose, text] of chooses) {
      const { letThrough } = await holdNext(page, `/api/admin/orders/${id}?at=`);
      await page.getByLabel("Step by step").press("Home");
      await choose();
      await page.getByLabel("Exact moment").blur();
      await facts.getByText(text, { exact: true }).waitFor();
      await letThrough();
      expect(await facts.getByText(text, { exact: true }).count()).toBe(1);
    }
  });

  test("is told in words that there is no such filter", async () => {
    const { page, open } = await tabOf({ session: await adminSession() });
    await open("/admin/orders?status=SOMETHING");
    await page.getByText(/^Status must be one of PENDING, /).waitFor();
  });

  test("makes a customer an administrator", async () => {
    const { email } = await signUp(hub.client);
    const { page, open } = await tabOf({ session: await adminSession() });
    await open("/admin/users");
    await page.getByRole("button", { name: `Make admin: ${email}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Make admin" }).click();
    await page.getByRole("button", { name: `Make user: ${email}` }).waitFor();
  });

  test("publishes a plan with seats, and finds it for sale", async () => {
    const name = `Course ${randomUUID().slice(0, 8)}`;
    const { page, open } = await tabOf({ session: await adminSession() });
    await open("/admin/plans");
    await page.getByRole("button", { name: "New plan" }).click();
    await page.getByLabel("Id", { exact: true }).fill(name.toLowerCase().replace(" ", "-"));
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Price").fill("12.50");
    await page.getByLabel("Seats").fill("5");
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByRole("button", { name: `Edit ${name}` }).waitFor();
    await open("/plans");
    await page.getByRole("article", { name }).getByText("€12.50").waitFor();
  });

  test("is told what is wrong with a price, in its currency", async () => {
    const { page, open } = await tabOf({ session: await adminSession() });
    await open("/admin/plans");
    await page.getByRole("button", { name: "New plan" }).click();
    await page.getByLabel("Id", { exact: true }).fill("odd");
    await page.getByLabel("Name").fill("Odd");
    for (const [price, currency, flaw] of [
      ["12.505", "EUR", "EUR has 2 decimals"],
      ["12.5", "JPY", "JPY has no decimals"],
      ["1000000.01", "EUR", "At most €1,000,000.00"],
      ["a lot", "EUR", "A number, such as 12.50"],
      ["12", "eur", "Three capital letters, such as EUR"],
    ] as const) {
      await page.getByLabel("Price").fill(price);
      await page.getByLabel("Currency").fill(currency);
      await page.getByRole("button", { name: "Publish" }).click();
      await page.locator(".field-error", { hasText: flaw }).waitFor();
    }
    await page.getByLabel("Price").fill("12,5");
    await page.getByLabel("Currency").fill("EUR");
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByRole("cell", { name: "€12.50 / month" }).first().waitFor();
  });

  test("has no switch of the simulator where payments are not simulated", async () => {
    const { page, open } = await tabOf({ session: await adminSession() });
    await page.route("**/api/admin/simulator", (route) => route.fulfill({ status: 404, body: "{}" }));
    await open("/admin/users");
    await page.getByRole("link", { name: "Simulator" }).waitFor({ state: "detached" });
    expect(await page.getByRole("link", { name: "Replays" }).count()).toBe(1);
  });

  test("breaks the provider, finds the dead letter, and sends it again after the repair", async () => {
    const session = await adminSession();
    const admin = hub.client.as(session.accessToken);
    const { page, errors, open } = await tabOf({ session });
    await open("/admin/simulator");
    await page.getByLabel("Broken").check();
    await page.getByRole("button", { name: "Switch" }).click();
    await page.getByText("The provider is broken now.").waitFor();
    const { id, customer } = await deadLetter(admin);
    await open("/admin/dead-letters?status=open&reason=PROVIDER_BROKEN");
    await page.getByRole("link", { name: "payments.charge", exact: true }).first().click();
    await page.getByRole("heading", { name: "payments.charge", level: 1 }).waitFor();
    await page.getByLabel("Message").getByText(`"${id}"`).first().waitFor();
    await page.getByRole("button", { name: /^ErrorOccurred .*, event of audit/ }).waitFor();
    await admin.put("/api/admin/simulator", { mode: "normal" });

    await page.getByRole("button", { name: "Redrive", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Redrive" }).click();
    await page.getByText("Sent again").waitFor();
    await page.getByRole("button", { name: /^PaymentProcessed, event of payments/ }).waitFor();
    await orderIs(customer.client, id, "ACTIVE");
    expect(errors).toEqual([]);
  });

  test("edits a dead letter: what breaks its contract is refused, what was edited is kept", async () => {
    const session = await adminSession();
    const admin = hub.client.as(session.accessToken);
    const { letter, customer, id } = await deadLetter(admin);
    await admin.put("/api/admin/simulator", { mode: "normal" });
    const { page, open } = await tabOf({ session });
    await open(`/admin/dead-letters/${letter.id}`);
    await page.getByRole("button", { name: "Edit and redrive" }).click();
    const message = page.getByLabel("As it is to be sent");
    const send = page.getByRole("button", { name: "Redrive as edited" });

    await message.fill("{");
    await send.click();
    await page.getByText(/^Not JSON/).waitFor();
    const edited = (amount: number) => {
      const payload = letter.payload as { data: object };
      return JSON.stringify({ ...payload, data: { ...payload.data, amount } });
    };
    await message.fill(edited(-1));
    await send.click();
    await page.getByText("/payload/data/amount must be >= 0").waitFor();
    await message.fill(edited(500));
    await send.click();
    await page.getByRole("region", { name: "History" }).getByText("/data/amount").waitFor();
    await orderIs(customer.client, id, "ACTIVE");
  });

  test("sends all letters of a filter again, and discards one with a reason", async () => {
    const session = await adminSession();
    const admin = hub.client.as(session.accessToken);
    const { customer, id } = await deadLetter(admin);
    const { letter } = await deadLetter(admin);
    const { page, open } = await tabOf({ session });
    await open(`/admin/dead-letters/${letter.id}`);
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByLabel("Reason", { exact: true }).fill("a test order");
    await page.getByRole("dialog").getByRole("button", { name: "Discard" }).click();
    await page.getByRole("region", { name: "History" }).getByText("a test order").waitFor();

    await admin.put("/api/admin/simulator", { mode: "normal" });
    await open("/admin/dead-letters?service=payments");
    await page.getByRole("button", { name: "Redrive all of these" }).click();
    await page.getByRole("button", { name: "Redrive them" }).click();
    await page.getByRole("region", { name: "Redrives of many" }).getByText("Done").first().waitFor();
    await orderIs(customer.client, id, "ACTIVE");
  });

  test("redrives and discards in the list, which tells what came of it", async () => {
    const session = await adminSession();
    const { letter } = await deadLetter(hub.client.as(session.accessToken));
    const { page, open } = await tabOf({ session });
    await open(`/admin/dead-letters?key=${letter.key}`);
    const row = page.getByRole("row").nth(1);
    const confirm = (name: string) => page.getByRole("dialog").getByRole("button", { name }).click();
    await row.getByRole("button", { name: "Redrive payments.charge" }).click();
    await confirm("Redrive");
    await row.getByText("Redriven", { exact: true }).waitFor();
    await row.getByRole("link").and(page.locator(":focus")).waitFor();
    // The provider is still broken.
    await row.getByText("Open", { exact: true }).waitFor();

    await row.getByRole("button", { name: "Discard payments.charge" }).click();
    await confirm("Discard");
    await row.getByText("Discarded", { exact: true }).waitFor();
    await row.getByRole("link").and(page.locator(":focus")).waitFor();
    expect(await row.getByRole("button", { name: /^(Redrive|Discard)/ }).count()).toBe(0);
    await hub.client.as(session.accessToken).put("/api/admin/simulator", { mode: "normal" });
  });

  test("finds an order that waits for a dead letter, and nudges it", async () => {
    const session = await adminSession();
    const admin = hub.client.as(session.accessToken);
    const { customer, id, letter } = await deadLetter(admin);
    await admin.post(`/api/admin/dead-letters/${letter.id}/discard`);
    await admin.put("/api/admin/simulator", { mode: "normal" });
    // A step may take 20 s before its order counts as stuck.
    await waitFor(
      async () =>
        (await admin.all<{ id: string }>("/api/admin/stuck-orders")).some((order) => order.id === id),
      { timeout: 40_000 },
    );
    const { page, open } = await tabOf({ session });
    await open("/admin/stuck");
    await page.getByRole("button", { name: `Nudge order ${id}` }).click();
    await orderIs(customer.client, id, "ACTIVE");
    await page.getByRole("button", { name: `Nudge order ${id}` }).waitFor({ state: "detached" });
  });

  test("may nudge a cancelled order until its seats are back, which its page goes on asking for", async () => {
    const customer = await signUp(hub.client);
    const { id } = await placed(customer.client);
    await customer.client.post(`/api/orders/${id}/cancel`);
    await orderWhen(customer.client, id, ({ refund }) => refund === "done");
    const { page, open } = await tabOf({ session: await adminSession() });
    let asked = 0;
    let released = false;
    await page.route("**/timeline", async (route) => {
      asked++;
      const response = await route.fetch();
      const timeline = (await response.json()) as Timeline;
      const entries = timeline.entries.filter(({ type }) => released || type !== "InventoryReleased");
      await route.fulfill({ response, json: { ...timeline, entries } });
    });
    await open(`/admin/orders/${id}`);
    const nudge = page.getByRole("button", { name: `Nudge order ${id}` });
    await nudge.waitFor();
    // An order that is over is asked for a few times more, for its last notifications.
    await waitFor(() => asked > 6);
    expect(await nudge.count()).toBe(1);
    released = true;
    await page.getByRole("button", { name: /^InventoryReleased/ }).waitFor();
    await nudge.waitFor({ state: "detached" });
  });

  test("sees a nudged order leave the stuck ones, though only its seats came back", async () => {
    const session = await adminSession();
    const customer = await signUp(hub.client);
    const { id } = await placed(customer.client);
    await customer.client.post(`/api/orders/${id}/cancel`);
    const order = await orderWhen(customer.client, id, ({ refund }) => refund === "done");
    const { page, open } = await tabOf({ session });
    const stuck = { ...order, owes: "inventory", waitingSince: order.createdAt, asked: 1, deadLetter: null };
    let looks = 0;
    await page.route("**/api/admin/stuck-orders?*", (route) =>
      route.fulfill({ json: { items: looks > 1 ? [] : [stuck], next: null } }),
    );
    await page.route(`**/api/admin/orders/${id}/nudge`, (route) =>
      route.fulfill({ status: 202, json: order }),
    );
    await page.route(`**/api/admin/orders/${id}`, (route) =>
      route.fulfill({ json: { ...order, version: order.version + (++looks > 1 ? 1 : 0) } }),
    );
    await open("/admin/stuck");
    await page.getByRole("button", { name: `Nudge order ${id}` }).click();
    await page.getByText("No stuck orders").waitFor();
  });

  test("builds a read model again, and sees that nothing was different", async () => {
    await placed((await signUp(hub.client)).client);
    const { page, open } = await tabOf({ session: await adminSession() });
    await open("/admin/replays");
    await page.getByLabel("Projection").selectOption("dashboard");
    await page.getByRole("button", { name: "Start the replay" }).click();
    const row = page.getByRole("row", { name: /^dashboard/ }).first();
    await row.getByText("Done", { exact: true }).waitFor();
    await row.getByText("None", { exact: true }).waitFor();
    await page.getByLabel("From").fill("2999-01-01T00:00:00");
    await page.getByRole("button", { name: "Start the replay" }).click();
    await page.getByText("must be a moment in the past").waitFor();
  });

  test("verifies that nobody changed the past", async () => {
    const { page, open } = await tabOf({ session: await adminSession() });
    await open("/admin/audit");
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("As sealed").waitFor();
  });

  test("is who a customer is not", async () => {
    const { page, open } = await newcomer();
    await open("/admin");
    await page.getByRole("heading", { name: "Not allowed" }).waitFor();
  });
});

describe("every page", () => {
  /** Inputs without a label, buttons and links without a name, several or no h1. */
  const FLAWS = `(() => {
    const shown = (element) => element.checkVisibility();
    const nameless = [...document.querySelectorAll("button, a, summary")].filter(
      (e) => shown(e) && !(e.getAttribute("aria-label") ?? e.textContent).trim(),
    );
    const unlabelled = [...document.querySelectorAll("input, select, textarea")].filter(
      (e) => shown(e) && !e.labels.length && !e.getAttribute("aria-label"),
    );
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    return [
      ...[...nameless, ...unlabelled].map((e) => e.outerHTML),
      ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => "twice: " + id),
      ...(document.querySelectorAll("h1").length === 1 ? [] : ["not one h1"]),
    ];
  })()`;
  /** By how many px the page or a table is wider than its place. */
  const OVERFLOW = `Math.max(
    ...[document.documentElement, ...document.querySelectorAll(".card.flush")].map((e) => e.scrollWidth - e.clientWidth),
  )`;
  const loaded = (tab: Tab) => tab.page.waitForFunction("!document.querySelector('[aria-busy=true]')");

  test.each([
    ["a phone", { viewport: { width: 360, height: 740 } }],
    ["a small window", { viewport: { width: 970, height: 740 } }],
    ["a desktop in the dark", { colorScheme: "dark" as const }],
  ])("has names for all, no errors and no sideways scrolling on %s", async (_, options) => {
    const person = await signUp(hub.client);
    const { id } = await placed(person.client);
    const customer = await tabOf({ ...options, session: person.session });
    const session = await adminSession();
    const admin = await tabOf({ ...options, session });
    const { letter } = await deadLetter(hub.client.as(session.accessToken));
    await hub.client.as(session.accessToken).put("/api/admin/simulator", { mode: "normal" });
    const visits = [
      ...[...PAGES, `/orders/${id}`].map((path) => [customer, path] as const),
      ...[...ADMIN_PAGES, `/admin/orders/${id}`, `/admin/dead-letters/${letter.id}`].map(
        (path) => [admin, path] as const,
      ),
    ];
    for (const [tab, path] of visits) {
      await tab.open(path);
      await loaded(tab);
      expect([path, await tab.page.evaluate(FLAWS)]).toEqual([path, []]);
      expect([path, await tab.page.evaluate(OVERFLOW)]).toEqual([path, 0]);
    }
    expect(customer.errors).toEqual([]);
    expect(admin.errors).toEqual([]);
  });

  test("keeps a message for as long as the keyboard or the pointer is in it", async () => {
    const { page, open } = await tabOf();
    await page.clock.install();
    await open("/plans");
    const say = (title: string) =>
      page.evaluate(`import("/js/components/toast.js").then(({ toast }) => toast({ title: "${title}" }))`);
    const dismiss = (title: string) => page.getByRole("button", { name: `Dismiss: ${title}` });

    for (const title of ["Focused", "Neither", "Pointed at"]) await say(title);
    await dismiss("Focused").focus();
    await dismiss("Pointed at").hover();
    await page.clock.fastForward(60_000);
    await dismiss("Neither").waitFor({ state: "detached" });
    expect(await page.locator(".toast").count()).toBe(2);

    await page.mouse.move(0, 0);
    await page.clock.fastForward(60_000);
    await dismiss("Pointed at").waitFor({ state: "detached" });
    for (const title of ["Second", "Third", "Fourth", "Fifth"]) await say(title);
    expect(await page.locator(".toast").count()).toBe(4);
    expect(await dismiss("Second").count()).toBe(0);
    expect(await dismiss("Focused").and(page.locator(":focus")).count()).toBe(1);

    await page.locator("h1").focus();
    await page.clock.fastForward(60_000);
    await dismiss("Focused").waitFor({ state: "detached" });
  });

  test("given messages that the keyboard dismisses, then the focus goes to the next one, and at last to the page", async () => {
    const { page, open } = await tabOf();
    await open("/plans");
    for (const title of ["First", "Second"])
      await page.evaluate(
        `import("/js/components/toast.js").then(({ toast }) => toast({ title: "${title}" }))`,
      );
    const dismiss = (title: string) => page.getByRole("button", { name: `Dismiss: ${title}` });
    await page.keyboard.press("Tab");
    await dismiss("First").focus();
    await page.keyboard.press("Enter");
    expect(await dismiss("Second").and(page.locator(":focus")).count()).toBe(1);
    await page.keyboard.press("Enter");
    expect(await page.locator("h1:focus").count()).toBe(1);
  });

  test("given two answers that come the other way round, then that of the later question stays", async () => {
    const { page, open } = await tabOf();
    await open("/plans");
    const shown = await page.evaluate(`import("/js/components/states.js").then(async ({ region }) => {
      const answers = [];
      const load = () => new Promise((resolve) => answers.push(resolve));
      const { signal } = new AbortController();
      const { element, reload } = region({ load, render: (text) => text, signal });
      const done = reload();
      answers[1]("new");
      await done;
      answers[0]("old");
      await new Promise((resolve) => setTimeout(resolve));
      return [element.textContent, element.hasAttribute("aria-busy")];
    })`);
    expect(shown).toEqual(["new", false]);
  });

  test("goes by the hub's own rules on what may be cancelled, and on what is over", async () => {
    const { page, open } = await tabOf();
    await open("/plans");
    const at = "2026-01-01T00:00:00.000Z";
    const facts = (...types: OrderFact["type"][]) =>
      types.map((type) => ({ type, id: type, at, recordedAt: at }) as OrderFact);
    const histories = [
      facts(),
      facts("PaymentProcessed"),
      facts("PaymentRefunded"),
      facts("InventoryReserved"),
      facts("PaymentProcessed", "InventoryReserved", "InventoryReleased"),
      facts("PaymentProcessed", "ProductOutOfStock"),
    ];
    const cases = ORDER_STATUSES.flatMap((status) =>
      ([undefined, "none", "pending", "done"] as const).flatMap((refund) =>
        histories.map((history) => ({ status, ...(refund && { refund }), facts: history })),
      ),
    );
    const found = await page.evaluate(`import("/js/models/orders.js").then(({ canCancel, isSettled }) =>
      ${JSON.stringify(cases)}.map((order) => [canCancel(order), isSettled(order, order.facts)]))`);
    expect(found).toEqual(cases.map((order) => [isCancellable(order), owes(order) === null]));
  });

  test("asks no other host", async () => {
    const { page, open } = await newcomer();
    const hosts = new Set<string>();
    page.on("request", (request) => hosts.add(new URL(request.url()).host));
    for (const path of PAGES) await open(path);
    expect([...hosts]).toEqual([new URL(url).host]);
  });

  test("has the theme that was chosen, on the next visit too", async () => {
    const { page, open } = await newcomer({ colorScheme: "light" });
    const background = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    await open("/plans");
    const light = await background();
    await page.getByRole("button", { name: "Use the dark theme" }).click();
    const dark = await background();
    expect(dark).not.toBe(light);
    await open("/orders");
    expect(await background()).toBe(dark);
  });
});
