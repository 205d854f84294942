import { Type, type TObject, type TSchema } from "@sinclair/typebox";
import * as A from "./answers";
import * as B from "./api";
import type { ConflictCode } from "./errors";

/** Every call of the REST API: what it runs, who may make it, what goes in and out. The gateway and OpenAPI read it. */
export interface Route extends RouteDetails {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api`. */
  path: string;
  action: string;
  access: "public" | "user" | "admin";
  summary: string;
}

interface RouteDetails {
  body?: TSchema;
  query?: TObject;
  /** The schema of a good answer's body. */
  answer?: TSchema;
  /** Of a good answer; 200 when it is not said. */
  status?: number;
  /** Content type of a good answer, where it is not JSON. */
  media?: string;
  /** Codes beyond those that every call of its kind can give. */
  errors?: (
    | ConflictCode
    | "NOT_FOUND"
    | "FRAUD_SUSPECTED"
    | "IDEMPOTENCY_KEY_REUSED"
    | "INVALID_CREDENTIALS"
    | TokenCode
  )[];
}
type TokenCode = "TOKEN_INVALID" | "TOKEN_REVOKED" | "TOKEN_EXPIRED";

const route = (
  access: Route["access"],
  call: string,
  action: string,
  summary: string,
  details: RouteDetails = {},
): Route => {
  const [method, path] = call.split(" ") as [Route["method"], string];
  return { method, path, action, access, summary, ...details };
};

const list = (item: TSchema, query: TObject = B.PageQuery): RouteDetails => ({ query, answer: A.Page(item) });
const OneOrManyLines = Type.Union([B.OrderBody, B.OneLineOrderBody]);

// One call a row: prettier would give each of them six.
// prettier-ignore
export const ROUTES: readonly Route[] = [
  route("user", "POST /orders", "orders.place", "Place an order: it is accepted now and processed in the background", { body: OneOrManyLines, status: 202, answer: A.AcceptedOrder, errors: ["FRAUD_SUSPECTED", "IDEMPOTENCY_KEY_REUSED", "WRITE_CONFLICT"] }),
  route("user", "GET /orders", "orders.list", "Your own orders, newest first", list(A.Order)),
  route("user", "GET /orders/:id", "orders.get", "One of your own orders", { answer: A.Order }),
  route("user", "GET /orders/:id/timeline", "orders.timeline", "An order's way, from the request to the last notification", { answer: A.Timeline }),
  route("user", "POST /orders/:id/cancel", "orders.cancel", "Cancel an order; its seats and its money go back", { status: 202, answer: A.Order, errors: ["NOT_CANCELLABLE", "WRITE_CONFLICT"] }),
  route("user", "GET /subscriptions", "orders.subscriptions", "Your subscriptions", list(A.Subscription)),

  route("public", "POST /auth/register", "auth.register", "Sign up", { body: B.RegisterBody, status: 201, answer: A.Session, errors: ["EMAIL_TAKEN"] }),
  route("public", "POST /auth/login", "auth.login", "Sign in", { body: B.LoginBody, answer: A.Session, errors: ["INVALID_CREDENTIALS", "WRITE_CONFLICT"] }),
  route("public", "POST /auth/refresh", "auth.refresh", "Exchange a refresh token for new tokens; one that was used before ends its session", { body: B.RefreshBody, answer: A.Session, errors: ["TOKEN_INVALID", "TOKEN_REVOKED", "TOKEN_EXPIRED"] }),
  route("public", "POST /auth/logout", "auth.logout", "End the session of a refresh token", { body: B.RefreshBody, status: 204 }),
  route("user", "GET /auth/me", "auth.me", "The signed-in user", { answer: A.User }),

  route("public", "GET /plans", "plans.list", "The catalogue", list(A.Plan)),
  route("public", "GET /plans/:id", "plans.get", "One plan", { answer: A.Plan }),

  route("user", "GET /notifications", "notifications.list", "Your own notifications, oldest first", list(A.Notification)),
  route("user", "GET /notifications/preferences", "notifications.preferences", "Where else you are notified", { answer: A.NotificationSettings }),
  route("user", "PUT /notifications/preferences", "notifications.setPreferences", "Choose where else you are notified", { body: B.Preferences, answer: A.NotificationSettings }),
  route("user", "POST /notifications/:id/read", "notifications.read", "Mark a notification as read", { status: 204 }),

  route("admin", "GET /admin/users", "auth.list", "All users, newest first", list(A.User)),
  route("admin", "PATCH /admin/users/:id", "auth.setRole", "Change a user's role", { body: B.RoleBody, answer: A.User, errors: ["LAST_ADMIN", "WRITE_CONFLICT"] }),
  route("admin", "DELETE /admin/users/:id", "auth.remove", "Delete a user and erase the personal data", { status: 204, errors: ["LAST_ADMIN", "WRITE_CONFLICT"] }),
  route("admin", "GET /admin/orders", "orders.adminList", "All orders, newest first", list(A.Order, B.AdminOrdersQuery)),
  route("admin", "GET /admin/orders/:id", "orders.adminGet", "Any order, as it is now or was at a moment", { query: B.AsOfQuery, answer: A.Order }),
  route("admin", "POST /admin/orders/:id/cancel", "orders.adminCancel", "Cancel any order", { status: 202, answer: A.Order, errors: ["NOT_CANCELLABLE", "WRITE_CONFLICT"] }),
  route("admin", "POST /admin/orders/:id/nudge", "orders.nudge", "Ask for an order's overdue step again, under the same id", { status: 202, answer: A.Order, errors: ["ORDER_OVER", "WRITE_CONFLICT"] }),
  route("admin", "GET /admin/stuck-orders", "orders.stuck", "Orders whose next step is overdue, and the service that owes it; the longest wait first", list(A.StuckOrder)),
  route("admin", "GET /admin/payments", "payments.list", "All payments, newest first", list(A.Payment, B.AdminPaymentsQuery)),
  route("admin", "GET /admin/payments/reconciliation", "payments.reconciliation", "The books against the provider's ledger", { answer: A.Reconciliation }),
  route("admin", "POST /admin/plans", "plans.create", "Add a plan to the catalogue", { body: B.PlanBody, status: 201, answer: A.Plan, errors: ["PLAN_EXISTS", "SEATS_IN_USE", "WRITE_CONFLICT"] }),
  route("admin", "PATCH /admin/plans/:id", "plans.change", "Change a plan", { body: B.PlanPatch, answer: A.Plan, errors: ["SEATS_IN_USE", "WRITE_CONFLICT"] }),
  route("admin", "GET /admin/plans/:id/history", "audit.planHistory", "What a plan was and cost, and since when", { answer: A.PlanHistory }),
  route("admin", "GET /admin/inventory", "inventory.list", "Seats by plan; available and reserved add up to the total", list(A.Stock)),
  route("admin", "GET /admin/audit", "audit.list", "The event store, oldest first", list(A.AuditEntry, B.AuditQuery)),
  route("admin", "GET /admin/audit/verification", "audit.verify", "Check the event store against its seals, oldest first", { query: B.PageQuery, answer: A.Verification }),
  route("admin", "GET /admin/replays", "audit.replays", "The read models that can be built again, and their replays, newest first", { query: B.PageQuery, answer: A.Replays }),
  route("admin", "POST /admin/replays", "audit.replay", "Build a read model again from the event store, beside the live one", { body: B.ReplayBody, status: 202, answer: A.Replay, errors: ["REPLAY_RUNNING"] }),
  route("admin", "GET /admin/replays/:id", "audit.replayOf", "How far a replay is, and what it found", { answer: A.Replay }),
  route("admin", "GET /admin/dead-letters", "audit.deadLetters", "Messages that were put aside, newest first", list(A.DeadLetter, B.DeadLettersQuery)),
  route("admin", "GET /admin/dead-letters/:id", "audit.deadLetter", "One dead letter, with its history", { answer: A.DeadLetter }),
  route("admin", "GET /admin/dead-letters/:id/timeline", "audit.deadLetterTimeline", "What happened around a dead letter: its order's timeline, or all events of its correlation id", { answer: A.DeadLetterTimeline }),
  route("admin", "POST /admin/dead-letters/:id/redrive", "audit.redrive", "Send a dead letter again, as it was or edited", { body: B.RedriveBody, status: 202, answer: A.DeadLetter, errors: ["DEAD_LETTER_CLOSED", "WRITE_CONFLICT"] }),
  route("admin", "POST /admin/dead-letters/:id/discard", "audit.discard", "Discard a dead letter", { body: B.DiscardBody, status: 202, answer: A.DeadLetter, errors: ["DEAD_LETTER_CLOSED", "WRITE_CONFLICT"] }),
  route("admin", "GET /admin/redrives", "audit.redrives", "Redrives of many dead letters, newest first", list(A.Redrive)),
  route("admin", "POST /admin/redrives", "audit.redriveAll", "Send all open dead letters that match a filter again, at a limited rate", { body: B.RedriveAllBody, status: 202, answer: A.Redrive }),
  route("admin", "GET /admin/redrives/:id", "audit.redriveOf", "How far a redrive is", { answer: A.Redrive }),
  route("admin", "POST /admin/redrives/:id/stop", "audit.stopRedrive", "Stop a redrive; what was sent stays sent", { status: 202, answer: A.Redrive, errors: ["REDRIVE_OVER"] }),
  route("admin", "GET /admin/simulator", "payments.simulator", "The simulated payment provider's switch", { answer: A.Simulator }),
  route("admin", "PUT /admin/simulator", "payments.setSimulator", "Set the simulated payment provider's switch", { body: B.SimulatorBody, answer: A.Simulator, errors: ["WRITE_CONFLICT"] }),
  route("admin", "GET /admin/stats", "api.stats", "The dashboard's read model", { answer: A.Stats }),

  route("public", "GET /openapi.json", "api.openapi", "This document", { answer: A.Document }),
  route("public", "GET /asyncapi.json", "api.asyncapi", "The messages: AsyncAPI 3", { answer: A.Document }),
  route("public", "GET /docs", "api.docs", "This reference as a page", { media: "text/html" }),
];

/** A PUT says the whole of what is to be: nothing sent does not mean that all of it is to be empty. */
export const saysTheWhole = (method: string | undefined): boolean => method === "PUT";

/** Whether a call cannot go without its body. */
export const needsBody = ({ method, body }: Pick<Route, "method" | "body">): boolean =>
  body !== undefined && (saysTheWhole(method) || !mayBeEmpty(body));

const mayBeEmpty = ({ type, required = [], minProperties = 0 }: TSchema): boolean =>
  type === "object" && (required as string[]).length === 0 && minProperties === 0;
