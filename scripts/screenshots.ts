import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../config/paths";
import { launchBrowser, openTab } from "../test/support/browser";
import { ADMIN, makePlace } from "../test/support/environment";
import { placed } from "../test/support/orders";
import { signIn, signUp } from "../test/support/people";
import { HubProcess } from "../test/support/process";

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

    const admin = await openTab(browser, url, { session: (await signIn(client, ADMIN)).session });
    await admin.open("/admin");
    await admin.page.locator(".share").waitFor();
    // Some measurements, so that the lines are lines.
    await admin.page.waitForTimeout(8_000);
    await admin.page.screenshot({ path: join(FOLDER, "admin.png"), animations: "disabled" });
  } finally {
    await browser.close();
    await hub.end("SIGTERM");
    await place.remove();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
