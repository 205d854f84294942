import { api, connection } from "./api.js";
import { header } from "./components/header.js";
import { toast } from "./components/toast.js";
import { notifications } from "./models/notifications.js";
import { Router } from "./router.js";
import { session } from "./session.js";
import { addRoutes } from "./routes.js";
import { notFound, forbidden } from "./pages/not-found.js";

const main = document.getElementById("main");
const mark = header(document.getElementById("header"));
const router = addRoutes(new Router(main, { notFound, forbidden, onRoute: mark }));

document.getElementById("skip").addEventListener("click", (event) => {
  // The address holds the route, so the anchor is followed by hand.
  event.preventDefault();
  main.focus();
});

const TONES = { PaymentFailed: "bad", OrderRejected: "bad", SubscriptionActivated: "good" };
notifications.addEventListener("arrival", ({ detail: { title, body, orderId, type } }) => {
  toast({ title, body, href: `#/orders/${orderId}`, tone: TONES[type] });
});

const offline = document.getElementById("offline");
const say = (text) => {
  offline.textContent = text;
  offline.hidden = !text;
};
connection.addEventListener("online", () => say(""));
connection.addEventListener("offline", () => say("The hub does not answer. What you see may be old."));
addEventListener("offline", () => say("You are offline. What you see may be old."));
addEventListener("online", () => connection.dispatchEvent(new Event("online")));

session.addEventListener("user", () => notifications.start());
void notifications.start();
router.start();

// The role may have changed since the last visit.
if (session.user)
  api.get("/api/auth/me").then(
    (user) => session.setUser(user),
    () => undefined,
  );
