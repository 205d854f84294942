/** Every call of the REST API: what it runs, and who may make it. The gateway's aliases come from this table. */
export interface Route {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api`. */
  path: string;
  action: string;
  access: "public" | "user" | "admin";
}

const route = (access: Route["access"], call: string, action: string): Route => {
  const [method, path] = call.split(" ") as [Route["method"], string];
  return { method, path, action, access };
};

export const ROUTES: readonly Route[] = [
  route("user", "POST /orders", "orders.place"),
  route("user", "GET /orders", "orders.list"),
  route("user", "GET /orders/:id", "orders.get"),
  route("user", "GET /orders/:id/timeline", "orders.timeline"),
  route("user", "POST /orders/:id/cancel", "orders.cancel"),
  route("user", "GET /subscriptions", "orders.subscriptions"),

  route("public", "POST /auth/register", "auth.register"),
  route("public", "POST /auth/login", "auth.login"),
  route("public", "POST /auth/refresh", "auth.refresh"),
  route("public", "POST /auth/logout", "auth.logout"),
  route("user", "GET /auth/me", "auth.me"),

  route("public", "GET /plans", "plans.list"),
  route("public", "GET /plans/:id", "plans.get"),

  route("user", "GET /notifications", "notifications.list"),
  route("user", "GET /notifications/preferences", "notifications.preferences"),
  route("user", "PUT /notifications/preferences", "notifications.setPreferences"),
  route("user", "POST /notifications/:id/read", "notifications.read"),

  route("admin", "GET /admin/users", "auth.list"),
  route("admin", "PATCH /admin/users/:id", "auth.setRole"),
  route("admin", "DELETE /admin/users/:id", "auth.remove"),
  route("admin", "GET /admin/orders", "orders.adminList"),
  route("admin", "GET /admin/orders/:id", "orders.adminGet"),
  route("admin", "POST /admin/orders/:id/cancel", "orders.adminCancel"),
  route("admin", "GET /admin/payments", "payments.list"),
  route("admin", "GET /admin/payments/reconciliation", "payments.reconciliation"),
  route("admin", "POST /admin/plans", "plans.create"),
  route("admin", "PATCH /admin/plans/:id", "plans.change"),
  route("admin", "GET /admin/inventory", "inventory.list"),
  route("admin", "GET /admin/audit", "audit.list"),
  route("admin", "GET /admin/dead-letters", "audit.deadLetters"),
  route("admin", "POST /admin/dead-letters/:id/redrive", "audit.redrive"),
  route("admin", "POST /admin/dead-letters/:id/discard", "audit.discard"),
  route("admin", "GET /admin/simulator", "payments.simulator"),
  route("admin", "PUT /admin/simulator", "payments.setSimulator"),
  route("admin", "GET /admin/stats", "api.stats"),
];
