import { Type, type Static } from "@sinclair/typebox";
import { OrderStatus, Role } from "./events";

/**
 * The bodies and queries of the REST API. Fields that a body does not have are refused, so that nobody
 * believes that `userId`, `role` or `price` in a body does anything.
 */
const closed = { additionalProperties: false } as const;
const Email = Type.String({ format: "email", maxLength: 254 });
const Password = Type.String({ minLength: 8, maxLength: 128 });
const Id = Type.String({ minLength: 1, maxLength: 128 });
const Name = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: "\\S",
  description: "1 to 100 characters, not only blanks",
});
const Interval = Type.Union([Type.Literal("month"), Type.Literal("year")]);
const Seats = Type.Union([Type.Integer({ minimum: 0, maximum: 1_000_000_000 }), Type.Null()]);
const Price = Type.Object(
  {
    amount: Type.Integer({ minimum: 0, maximum: 100_000_000 }),
    currency: Type.String({
      pattern: "^[A-Z]{3}$",
      description: "a code of ISO 4217: three capital letters",
    }),
  },
  closed,
);

export const RegisterBody = Type.Object(
  { email: Email, password: Password, name: Type.Optional(Name) },
  closed,
);
export type RegisterBody = Static<typeof RegisterBody>;

export const LoginBody = Type.Object(
  { email: Type.String({ maxLength: 254 }), password: Type.String({ maxLength: 128 }) },
  closed,
);
export type LoginBody = Static<typeof LoginBody>;

export const RefreshBody = Type.Object(
  { refreshToken: Type.String({ minLength: 1, maxLength: 512 }) },
  closed,
);
export type RefreshBody = Static<typeof RefreshBody>;

const Quantity = Type.Integer({ minimum: 1, maximum: 10_000 });
const PaymentMethodName = Type.String({ minLength: 1, maxLength: 255 });

/** The body of an order; `readBody` in the orders service turns the one-line form into it. */
export const OrderBody = Type.Object(
  {
    items: Type.Array(Type.Object({ planId: Id, quantity: Quantity }, closed), { minItems: 1, maxItems: 50 }),
    paymentMethod: PaymentMethodName,
  },
  closed,
);
export type OrderBody = Static<typeof OrderBody>;

export const OneLineOrderBody = Type.Object(
  { planId: Id, quantity: Type.Optional(Quantity), paymentMethod: PaymentMethodName },
  closed,
);
export type OneLineOrderBody = Static<typeof OneLineOrderBody>;

export const IdempotencyKey = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: "^[\\x21-\\x7E]+$",
  description: "1 to 255 visible ASCII characters",
});

/** Query strings are text; the numbers in them are read here. */
export const PageQuery = Type.Object({
  limit: Type.Optional(Type.String({ pattern: "^[0-9]{1,9}$", description: "a whole number from 1 to 200" })),
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
});
export type PageQuery = Static<typeof PageQuery>;

export const PlanBody = Type.Object(
  {
    id: Type.String({
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
      description: "1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first",
    }),
    name: Name,
    price: Price,
    interval: Interval,
    seats: Seats,
  },
  closed,
);
export type PlanBody = Static<typeof PlanBody>;

export const PlanPatch = Type.Object(
  {
    name: Type.Optional(Name),
    price: Type.Optional(Price),
    interval: Type.Optional(Interval),
    seats: Type.Optional(Seats),
  },
  { ...closed, minProperties: 1 },
);
export type PlanPatch = Static<typeof PlanPatch>;

export const RoleBody = Type.Object({ role: Role }, closed);

export const SimulatorMode = Type.Union([
  Type.Literal("normal"),
  Type.Literal("outage"),
  Type.Literal("broken"),
]);
export type SimulatorMode = Static<typeof SimulatorMode>;
export const SimulatorBody = Type.Object(
  { mode: SimulatorMode, latencyMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })) },
  closed,
);
export type SimulatorBody = Static<typeof SimulatorBody>;

const DateTime = Type.String({ format: "date-time" });
export const AdminOrdersQuery = Type.Object({
  ...PageQuery.properties,
  status: Type.Optional(OrderStatus),
  userId: Type.Optional(Id),
});
export const AdminPaymentsQuery = Type.Object({ ...PageQuery.properties, orderId: Type.Optional(Id) });
export const AuditQuery = Type.Object({
  ...PageQuery.properties,
  type: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  key: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  correlationId: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  from: Type.Optional(DateTime),
  to: Type.Optional(DateTime),
});
export type AuditQuery = Static<typeof AuditQuery>;

const Exact = Type.Optional(Type.String({ minLength: 1, maxLength: 255 }));
/** Which dead letters are meant; `from` is inclusive, `to` is not. */
const DeadLetterFilter = {
  kind: Type.Optional(Type.Unsafe<"command" | "event">({ type: "string", enum: ["command", "event"] })),
  channel: Exact,
  type: Exact,
  service: Exact,
  reason: Exact,
  key: Exact,
  correlationId: Exact,
  from: Type.Optional(DateTime),
  to: Type.Optional(DateTime),
};
/** Closed: a filter that is spelled wrong would otherwise show, or redrive, all of them. */
export const DeadLettersQuery = Type.Object(
  {
    ...PageQuery.properties,
    status: Type.Optional(
      Type.Unsafe<"open" | "redriven" | "discarded">({
        type: "string",
        enum: ["open", "redriven", "discarded"],
      }),
    ),
    ...DeadLetterFilter,
  },
  closed,
);
export type DeadLettersQuery = Static<typeof DeadLettersQuery>;
export const RedriveBody = Type.Object(
  {
    payload: Type.Optional(
      Type.Unknown({ description: "the whole message as it is to be sent; unset: as it was" }),
    ),
  },
  closed,
);
export const DiscardBody = Type.Object(
  {
    reason: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        pattern: "^[^@]*$",
        description: "text without e-mail addresses: it is kept in the event store for ever",
      }),
    ),
  },
  closed,
);
/** Open letters that failed before this call, all of those that the filter means. */
export const RedriveAllBody = Type.Object(
  {
    ...DeadLetterFilter,
    perSecond: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, description: "messages a second; 20 by default" }),
    ),
  },
  closed,
);
export type RedriveAllBody = Static<typeof RedriveAllBody>;
export const ReplayBody = Type.Object(
  {
    projection: Type.String({ minLength: 1, maxLength: 100, description: "GET /admin/replays lists them" }),
    from: Type.Optional(
      Type.String({
        format: "date-time",
        description: "rebuild what happened from here on; what is older is taken over",
      }),
    ),
  },
  closed,
);
export const AsOfQuery = Type.Object({ at: Type.Optional(DateTime) });

/** Only what a notification can be posted to. */
const Webhook = Type.String({
  format: "uri",
  pattern: "^https?://[^/?#]",
  maxLength: 2048,
  description: "an http or https URL",
});
export const Preferences = Type.Object(
  {
    email: Type.Optional(Type.Union([Email, Type.Null()])),
    sms: Type.Optional(
      Type.Union([
        Type.String({ pattern: "^\\+[1-9][0-9]{6,14}$", description: "a number such as +4915112345678" }),
        Type.Null(),
      ]),
    ),
    push: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 512 }), Type.Null()])),
    webhook: Type.Optional(Type.Union([Webhook, Type.Null()])),
  },
  closed,
);
export type Preferences = Static<typeof Preferences>;

export const FraudRequest = Type.Object({
  orderId: Id,
  userId: Id,
  amount: Type.Integer({ minimum: 0 }),
  currency: Type.String(),
  items: Type.Array(Type.Object({ planId: Id, quantity: Type.Integer() })),
});
export type FraudRequest = Static<typeof FraudRequest>;
export const FraudAnswer = Type.Object({
  score: Type.Number({ minimum: 0, maximum: 1 }),
  reasons: Type.Array(Type.String()),
});
export type FraudAnswer = Static<typeof FraudAnswer>;
