import { signIn } from "./pages/sign-in.js";
import { signUp } from "./pages/sign-up.js";
import { plans } from "./pages/plans.js";
import { checkout } from "./pages/checkout.js";
import { orders } from "./pages/orders.js";
import { order } from "./pages/order.js";
import { subscriptions } from "./pages/subscriptions.js";
import { notificationsPage } from "./pages/notifications.js";
import { account } from "./pages/account.js";
import { overview } from "./pages/admin/overview.js";
import { adminOrders } from "./pages/admin/orders.js";
import { adminOrder } from "./pages/admin/order.js";
import { payments } from "./pages/admin/payments.js";
import { users } from "./pages/admin/users.js";
import { adminPlans } from "./pages/admin/plans.js";
import { audit } from "./pages/admin/audit.js";
import { deadLetter } from "./pages/admin/dead-letter.js";
import { stuck } from "./pages/admin/stuck.js";
import { deadLetters } from "./pages/admin/dead-letters.js";
import { replays } from "./pages/admin/replays.js";
import { simulator } from "./pages/admin/simulator.js";

/** Every page, by its path. */
export function addRoutes(router) {
  const admin = (path, page, title) => router.add(path, page, { title, access: "admin" });
  router
    .add("/sign-in", signIn, { title: "Sign in", access: "all" })
    .add("/sign-up", signUp, { title: "Sign up", access: "all" })
    .add("/plans", plans, { title: "Plans", access: "all" })
    .add("/checkout", checkout, { title: "Checkout" })
    .add("/orders", orders, { title: "Orders" })
    .add("/orders/:id", order, { title: "Order" })
    .add("/subscriptions", subscriptions, { title: "Subscriptions" })
    .add("/notifications", notificationsPage, { title: "Notifications" })
    .add("/account", account, { title: "Account" });
  admin("/admin", overview, "Overview");
  admin("/admin/orders", adminOrders, "All orders");
  admin("/admin/orders/:id", adminOrder, "Order");
  admin("/admin/payments", payments, "Payments");
  admin("/admin/users", users, "Users");
  admin("/admin/plans", adminPlans, "Plans and seats");
  admin("/admin/audit", audit, "Audit");
  admin("/admin/dead-letters", deadLetters, "Dead letters");
  admin("/admin/dead-letters/:id", deadLetter, "Dead letter");
  admin("/admin/stuck", stuck, "Stuck orders");
  admin("/admin/replays", replays, "Replays");
  admin("/admin/simulator", simulator, "Simulator");
  return router;
}
