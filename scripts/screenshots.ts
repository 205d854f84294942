import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../config/paths";
import { launchBrowser, openTab } from "../test/support/browser";
import { ADMIN, makePlace } from "../test/support/environment";
import type { Client, DeadLetterView, Page } from "../test/support/client";
import { place, placed } from "../test/support/orders";
import { signIn, signUp } from "../test/support/people";
import { HubProcess } from "../test/support/process";
import { waitFor } from "../test/support/wait";

/** Takes the pictures of the documentation from a hub of its own: `node --import tsx scripts/screenshots.ts`. */
const FOLDER = join(ROOT, "docs/images");
const CUSTOMERS = 6;

const visa = (items: { planId: string; quantity: number }[]) => ({ items, paymentMethod: "pm_card_visa" });

async function main(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const place = await makePlace();
  const hub = await HubProcess.start(place.settings);
  const browser = await launchBrowser();
  try {
    const ada = await signUp(hub.client, { name: "Ada" });
    for (let i = 0; i < CUSTOMERS; i++) {
      const { client } = await signUp(hub.client);
      await Promise.all([
        placed(client, visa([{ planId: "pro", quantity: i + 1 }])),
        placed(client, visa([{ planId: "workshop", quantity: 2 }])),
        placed(client, { planId: "basic", paymentMethod: "pm_card_chargeDeclined" }),
      ]);
    }
    const order = await placed(
      ada.client,
      visa([
        { planId: "pro", quantity: 2 },
        { planId: "workshop", quantity: 1 },
      ]),
    );
    const { client } = hub;
    const { url } = client;

    const customer = await openTab(browser, url, { session: ada.session });
    await customer.open(`/orders/${order.id}`);
    await customer.page
      .getByRole("button", { name: /^Notification.*SubscriptionActivated/ })
      .last()
      .waitFor();
    await customer.page.screenshot({
      path: join(FOLDER, "order-journey.png"),
      animations: "disabled",
      fullPage: true,
    });

    const { session } = await signIn(client, ADMIN);
    const adminToken = session.accessToken;
    const admin = await openTab(browser, url, { session });
    await admin.open("/admin");
    await admin.page.locator(".share").waitFor();
    // Some measurements, so that the lines are lines.
    await admin.page.waitForTimeout(8_000);
    await admin.page.screenshot({ path: join(FOLDER, "admin.png"), animations: "disabled" });

    const letter = await failedTwice(client.as(adminToken), ada.client);
    await admin.open(`/admin/dead-letters/${letter}`);
    await admin.page
      .getByRole("button", { name: /^ErrorOccurred/ })
      .nth(1)
      .waitFor();
    await admin.page.screenshot({
      path: join(FOLDER, "dead-letter.png"),
      animations: "disabled",
      fullPage: true,
    });
  } finally {
    await browser.close();
    await hub.end("SIGTERM");
    await place.remove();
  }
}

/** A charge that failed for good, was edited and sent again, and failed once more; its dead letter's id. */
async function failedTwice(admin: Client, customer: Client): Promise<string> {
  const letters = "/api/admin/dead-letters";
  await admin.put("/api/admin/simulator", { mode: "broken" });
  const { id } = await place(customer);
  const found = () => admin.get<Page<DeadLetterView & { failures: number }>>(`${letters}?key=${id}`);
  const letter = await waitFor(async () => (await found()).body.items[0]);
  const payload = letter.payload as { data: object };
  await admin.post(`${letters}/${letter.id}/redrive`, {
    payload: { ...payload, data: { ...payload.data, amount: 800 } },
  });
  await waitFor(async () => (await found()).body.items[0]?.failures === 2);
  await admin.put("/api/admin/simulator", { mode: "normal" });
  return letter.id;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
