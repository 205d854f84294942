import { Type, type TSchema } from "@sinclair/typebox";
import { SimulatorBody } from "./api";
import { DeadLetterMessage } from "./dead-letter";
import { Line, OrderStatus, RefundStatus, Role } from "./events";
import { Money } from "./money";

/** What the REST API answers with. A newer hub may add fields, so none of these is closed. */
const Id = Type.String({ minLength: 1 });
const Time = Type.String({ format: "date-time" });
const Count = Type.Integer({ minimum: 0 });
const Seats = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description: "null: no limit" });
const TextOrNull = Type.Union([Type.String(), Type.Null()]);
const oneOf = (...names: string[]) => Type.Unsafe<string>({ type: "string", enum: names });

export const User = Type.Object({
  id: Id,
  email: Type.String(),
  name: TextOrNull,
  role: Role,
  createdAt: Time,
});
export const Session = Type.Object({
  user: User,
  accessToken: Type.String({ description: "a JWT (ES256); its keys are at /.well-known/jwks.json" }),
  refreshToken: Type.String({ description: "good for one use" }),
  expiresIn: Type.Integer({ description: "seconds until the access token expires" }),
});
export const Keys = Type.Object({
  keys: Type.Array(
    Type.Object({
      kty: Type.String(),
      crv: Type.String(),
      x: Type.String(),
      y: Type.String(),
      kid: Type.String(),
      alg: Type.String(),
      use: Type.String(),
    }),
  ),
});

export const Plan = Type.Object({
  id: Id,
  name: Type.String(),
  price: Money,
  interval: oneOf("month", "year"),
  seats: Seats,
  available: Type.Optional({
    ...Seats,
    description: "in the list: seats that are free, at most a second old; null: no limit",
  }),
});
export const Stock = Type.Object({ planId: Id, seats: Seats, available: Seats, reserved: Count });

export const AcceptedOrder = Type.Object({
  id: Id,
  status: Type.Literal("PENDING"),
  items: Type.Array(Line),
  total: Money,
  createdAt: Time,
});
export const Order = Type.Object({
  id: Id,
  userId: Id,
  status: OrderStatus,
  items: Type.Array(Line),
  total: Money,
  reason: Type.Optional(Type.String()),
  refund: Type.Optional(RefundStatus),
  review: Type.Optional(Type.Boolean({ description: "the fraud function did not answer in time" })),
  createdAt: Time,
  updatedAt: Time,
  version: Type.Integer({ minimum: 1, description: "counts the facts that the order is made of" }),
});
export const Timeline = Type.Object({
  orderId: Id,
  correlationId: Id,
  entries: Type.Array(
    Type.Object({
      at: Time,
      kind: oneOf("request", "command", "event", "notification"),
      type: Type.String(),
      source: Type.String(),
      id: Id,
      causationId: TextOrNull,
      data: Type.Unknown(),
    }),
  ),
});
export const Subscription = Type.Object({
  id: Id,
  orderId: Id,
  planId: Id,
  quantity: Type.Integer({ minimum: 1 }),
  status: oneOf("ACTIVE", "CANCELLED"),
  currentPeriodEnd: Time,
});

export const Payment = Type.Object({
  id: Id,
  orderId: Id,
  amount: Count,
  currency: Type.String(),
  status: oneOf("pending", "succeeded", "failed", "refunded", "unknown"),
  attempts: Count,
  reason: Type.Optional(Type.String()),
  createdAt: Time,
});
export const Reconciliation = Type.Object({
  orders: Count,
  charges: Count,
  refunds: Count,
  mismatches: Type.Array(Type.Object({ orderId: Id, expected: Type.String(), found: Type.String() })),
});
export const Simulator = Type.Object(SimulatorBody.properties);

export const Notification = Type.Object({
  id: Id,
  type: Type.String({ description: "the type of the event that it tells of" }),
  orderId: Id,
  title: Type.String(),
  body: Type.String(),
  createdAt: Time,
  read: Type.Boolean(),
});
export const NotificationSettings = Type.Object({
  email: TextOrNull,
  sms: TextOrNull,
  push: TextOrNull,
  webhook: TextOrNull,
});

export const AuditEntry = Type.Object({
  id: Id,
  eventId: Id,
  eventType: Type.String(),
  timestamp: Time,
  version: Type.String(),
  source: Type.String(),
  correlationId: Id,
  causationId: Id,
  key: Id,
  sequence: Count,
  data: Type.Unknown(),
});
const DeadLetterEntry = Type.Object({
  at: Time,
  what: oneOf("failed", "redriven", "discarded"),
  reason: Type.Optional(Type.String({ description: "why it failed, or was discarded" })),
  error: Type.Optional(DeadLetterMessage.properties.error),
  attempts: Type.Optional(Count),
  by: Type.Optional(Type.String({ description: "the id of the administrator; `repl` at the REPL" })),
  edits: Type.Optional(
    Type.Array(
      Type.Object({
        pointer: Type.String({ description: "RFC 6901, in the payload" }),
        before: Type.Optional(Type.Unknown()),
        after: Type.Optional(Type.Unknown()),
      }),
    ),
  ),
  redriveId: Type.Optional(Type.String({ description: "the redrive of many that it was part of" })),
});
export const DeadLetter = Type.Object({
  ...DeadLetterMessage.properties,
  status: oneOf("open", "redriven", "discarded"),
  orderId: Type.Optional(Type.String({ description: "the order that it is about, if it is about one" })),
  failures: Type.Integer({ minimum: 1, description: "how often it has failed for good" }),
  firstFailedAt: Time,
  history: Type.Optional(Type.Array(DeadLetterEntry, { description: "oldest first; lists leave it out" })),
});
export const DeadLetterTimeline = Type.Object({
  orderId: TextOrNull,
  correlationId: TextOrNull,
  entries: Timeline.properties.entries,
});
/** Many dead letters that are sent again, one after the other. */
export const Redrive = Type.Object({
  id: Id,
  status: oneOf("running", "done", "stopped"),
  filter: Type.Record(Type.String(), Type.String()),
  perSecond: Type.Integer({ minimum: 1 }),
  total: Type.Integer({ minimum: 0, description: "letters that were open when it began" }),
  redriven: Count,
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  by: Id,
  createdAt: Time,
  endedAt: Type.Optional(Time),
});
/** An order that waits longer than its step may take. */
export const StuckOrder = Type.Object({
  ...Order.properties,
  owes: oneOf("payments", "inventory"),
  waitingSince: Time,
  asked: Type.Integer({ minimum: 0, description: "how often the step has been asked for again" }),
  askAt: Type.Optional(Type.String({ format: "date-time", description: "when it is asked for next" })),
  deadLetter: Type.Union(
    [Type.Object({ id: Id, status: oneOf("open", "discarded"), reason: Type.String() }), Type.Null()],
    { description: "the command that it waits for, where that lies in the dead letters" },
  ),
});
/** What live and rebuilt say of one key of a read model; null: nothing. */
const Facts = Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]);
export const Replay = Type.Object({
  id: Id,
  projection: Type.String(),
  from: Type.Optional(Time),
  status: oneOf("running", "done", "failed"),
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  events: Type.Integer({ minimum: 0, description: "events that it has read" }),
  differences: Type.Integer({ minimum: 0, description: "keys that live and rebuilt did not agree on" }),
  diff: Type.Union([Type.Array(Type.Object({ key: Id, live: Facts, rebuilt: Facts })), Type.Null()], {
    description: "the first 100 of them; null until it is known",
  }),
  error: Type.Optional(Type.String()),
  startedAt: Time,
  endedAt: Type.Optional(Time),
});
export const Replays = Type.Object({
  projections: Type.Array(Type.String()),
  items: Type.Array(Replay),
  next: TextOrNull,
});
export const SealCheck = Type.Object({
  id: Id,
  day: Type.String({ description: "UTC, in which the events came in" }),
  events: Count,
  late: Type.Integer({ minimum: 0, description: "of them, those that came in after their time was sealed" }),
  hash: Type.String({ description: "SHA-256 over the events and the seal before" }),
  ok: Type.Boolean(),
  flaws: Type.Array(
    Type.Object({
      kind: oneOf("changed", "removed", "added", "seal"),
      eventId: Type.Optional(Type.String()),
      detail: Type.String(),
    }),
  ),
});
export const Verification = Type.Object({
  items: Type.Array(SealCheck),
  next: TextOrNull,
  unsealed: Type.Integer({ minimum: 0, description: "events that are too young to be sealed" }),
});
export const PlanHistory = Type.Object({
  planId: Id,
  versions: Type.Array(Type.Object({ from: Time, ...Plan.properties, id: Type.Optional(Id) }), {
    description: "oldest first",
  }),
});
const Revenue = Type.Array(Type.Object({ currency: Type.String(), amount: Count }));
export const Dashboard = Type.Object({
  orders: Type.Record(Type.String(), Count),
  revenue: Revenue,
  days: Type.Array(Type.Object({ day: Type.String(), placed: Count, active: Count, revenue: Revenue }), {
    description: "UTC, the newest first: orders by the day of their placing, revenue by that of its payment",
  }),
  plans: Type.Array(Type.Object({ planId: Id, quantity: Count, currency: Type.String(), amount: Count }), {
    description: "what is paid, the most first",
  }),
  failures: Type.Array(Type.Object({ status: OrderStatus, reason: Type.String(), orders: Count })),
  conversion: Type.Object({
    placed: Count,
    active: Type.Integer({ minimum: 0, description: "orders that were ever ACTIVE" }),
    rate: Type.Number({ minimum: 0, maximum: 1 }),
  }),
});
export const Stats = Type.Object({
  orders: Type.Record(Type.String(), Count, { description: "how many orders have each status" }),
  revenue: Type.Array(Type.Object({ currency: Type.String(), amount: Count })),
  outbox: Type.Object({ pending: Count, oldestSeconds: Type.Number({ minimum: 0 }) }),
  lag: Type.Record(Type.String(), Count, { description: "messages that each consumer group has to do" }),
  deadLetters: Count,
  stuck: Count,
  dashboard: Dashboard,
});

const State = oneOf("up", "down");
export const Readiness = Type.Object({
  status: oneOf("ok", "degraded", "unavailable"),
  checks: Type.Object({
    store: State,
    commands: State,
    events: State,
    transporter: State,
    services: Type.Record(Type.String(), State),
  }),
});
export const Liveness = Type.Object({ status: Type.Literal("ok") });
export const Document = Type.Record(Type.String(), Type.Unknown(), { description: "a JSON document" });

/** RFC 9457. Some codes bring members of their own, such as `errors` or `orderId`. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String({ description: "stable: what programs go by" }),
  detail: Type.String({ description: "for people" }),
  errors: Type.Optional(
    Type.Array(Type.Object({ pointer: Type.String({ description: "RFC 6901" }), detail: Type.String() }), {
      description: "of VALIDATION_ERROR: each field that is wrong",
    }),
  ),
  orderId: Type.Optional(Type.String()),
  retryAfter: Type.Optional(Type.Integer({ description: "seconds" })),
});

/** A page of a list: `next` is given as `after` to go on. */
export const Page = <S extends TSchema>(item: S) =>
  Type.Object({ items: Type.Array(item), next: TextOrNull });
