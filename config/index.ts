import { createPrivateKey } from "node:crypto";
import { Type, type Static, type TSchema } from "@sinclair/typebox";
import { ConfigError } from "../contracts/errors";
import { fieldErrors } from "../contracts/validate";

/** One environment variable: how its text is read, what it takes (for the error line), and its default. */
interface Variable<S extends TSchema = TSchema> {
  schema: S;
  takes: string;
  read(text: string): unknown;
  default?: Static<S>;
  /** Never shown, not even in an error. */
  secret?: boolean;
}

const variable = <S extends TSchema>(
  schema: S,
  takes: string,
  options: { read?: (text: string) => unknown; default?: Static<S>; secret?: boolean } = {},
): Variable<S> => ({ schema, takes, read: (text) => text, ...options });

/** Decimal digits alone: what is written in another notation is more likely a slip. */
const number = (text: string): number => (/^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : NaN);
const flag = (text: string): unknown =>
  ({ true: true, on: true, "1": true, false: false, off: false, "0": false })[text.toLowerCase()] ?? text;
const list = (text: string): string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
/** `name=value,name=value` with values in percent encoding, as OpenTelemetry has it; null when it is not. */
function pairs(text: string): Record<string, string> | null {
  try {
    return Object.fromEntries(
      list(text).map((pair) => {
        const at = pair.indexOf("=");
        if (at < 1) throw new Error(pair);
        return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())];
      }),
    );
  } catch {
    return null;
  }
}

/** The PEM, also where its lines are joined by a literal `\n`; null when it is no P-256 key. */
function privateKey(text: string): string | null {
  const pem = text.replaceAll("\\n", "\n");
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === "prime256v1" ? pem : null;
  } catch {
    return null;
  }
}
/** The text, or null when one of its brokers is no host and port: kafkajs would look for it for ever. */
function kafkaUrl(text: string): string | null {
  const brokers = text.replace(/^kafka:\/\//, "").split(",");
  const isBroker = (broker: string): boolean => {
    const port = Number(/^[^\s:/@]+:(\d{1,5})$/.exec(broker)?.[1]);
    return port >= 1 && port <= 65_535;
  };
  return brokers.every(isBroker) ? text : null;
}
/** The text, or null when Moleculer's resolver knows no such URL, nor such a name: it takes both. */
const transporter = (text: string): string | null =>
  /^(nats|rediss?|amqps?|amqp10|kafka|mqtts?|stan|tcp):\/\/\S+$/.test(text) ||
  /^(nats|redis|amqp|amqp10|kafka|mqtt|stan|tcp)$/i.test(text)
    ? text
    : null;
const url = (protocols: string) => Type.String({ pattern: `^(${protocols})://[^\\s]+$` });

export const SERVICE_NAMES = [
  "auth",
  "plans",
  "orders",
  "fraud",
  "payments",
  "inventory",
  "notifications",
  "audit",
  "api",
] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

const limit = Type.Union([Type.Integer({ minimum: 1 }), Type.Literal("off")]);
const limitOrOff = (text: string): unknown => (text === "off" ? text : number(text));

/** Every variable that the hub reads. Nothing else in the program looks at the environment. */
export const VARIABLES = {
  MONGO_URL: variable(url("mongodb|mongodb\\+srv"), "mongodb://host[:port]/database", { secret: true }),
  COMMANDS_URL: variable(url("amqps?"), "amqp://host[:port]", { secret: true }),
  EVENTS_URL: variable(url("kafka"), "kafka://host:port[,host:port], each port 1 to 65535", {
    read: kafkaUrl,
    secret: true,
  }),
  TRANSPORTER: variable(
    Type.String(),
    "nats://host:port, or redis://, amqp://, amqp10://, kafka://, mqtt://, stan:// or TCP",
    { read: transporter, secret: true },
  ),
  PORT: variable(Type.Integer({ minimum: 0, maximum: 65535 }), "a port, 0 to 65535 (0: any free one)", {
    read: number,
    default: 3000,
  }),
  SERVICES: variable(
    Type.Array(Type.Union(SERVICE_NAMES.map((name) => Type.Literal(name))), {
      minItems: 1,
      uniqueItems: true,
    }),
    `names out of ${SERVICE_NAMES.join(", ")}, with commas between`,
    { read: list, default: [...SERVICE_NAMES] },
  ),
  NODE_ID: variable(Type.String({ pattern: "^[A-Za-z0-9._-]{1,64}$" }), "1 to 64 of A-Za-z0-9._-"),
  JWT_ACCESS_TTL: variable(Type.Integer({ minimum: 1 }), "seconds, 1 or more", {
    read: number,
    default: 900,
  }),
  JWT_REFRESH_TTL: variable(Type.Integer({ minimum: 1 }), "seconds, 1 or more", {
    read: number,
    default: 30 * 24 * 3600,
  }),
  JWT_PRIVATE_KEY: variable(Type.String({ pattern: "PRIVATE KEY" }), "an EC P-256 private key as PEM", {
    read: privateKey,
    secret: true,
  }),
  ADMIN_EMAIL: variable(Type.String({ format: "email" }), "an e-mail address", {
    default: "admin@hub.local",
  }),
  ADMIN_PASSWORD: variable(Type.String({ minLength: 8, maxLength: 128 }), "8 to 128 characters", {
    secret: true,
  }),
  SMTP_URL: variable(url("smtps?"), "smtp://[user:password@]host:port", { secret: true }),
  FRAUD_URL: variable(url("https?"), "http://host[:port]/path"),
  FRAUD_LIMIT: variable(Type.Number({ minimum: 0, maximum: 1 }), "a score, 0 to 1", {
    read: number,
    default: 0.8,
  }),
  PAYMENT_PROVIDER: variable(
    Type.Union([Type.Literal("simulated"), Type.Literal("stripe")]),
    "simulated or stripe",
    { default: "simulated" },
  ),
  STRIPE_SECRET_KEY: variable(
    Type.String({ minLength: 8 }),
    "Stripe's secret key (with PAYMENT_PROVIDER=stripe)",
    {
      secret: true,
    },
  ),
  STRIPE_URL: variable(url("https?"), "http://host[:port]", { default: "https://api.stripe.com" }),
  DATA_DIR: variable(Type.String({ minLength: 1 }), "a folder", { default: "./data" }),
  RATE_LIMIT: variable(limit, "requests a minute, 1 or more, or off", { read: limitOrOff, default: 600 }),
  LOGIN_RATE_LIMIT: variable(limit, "failed logins in 15 minutes, 1 or more, or off", {
    read: limitOrOff,
    default: 10,
  }),
  TRUST_PROXY: variable(Type.Boolean(), "on or off", { read: flag, default: false }),
  CORS_ORIGIN: variable(
    Type.Array(Type.String({ pattern: "^https?://[^/]+$" })),
    "origins, with commas between",
    {
      read: list,
      default: [],
    },
  ),
  WEBHOOK_ALLOW_PRIVATE: variable(Type.Boolean(), "true or false", { read: flag, default: false }),
  LOG_LEVEL: variable(
    Type.Union(
      (["fatal", "error", "warn", "info", "debug", "trace", "off"] as const).map((l) => Type.Literal(l)),
    ),
    "fatal, error, warn, info, debug, trace or off",
    { default: "info" as const },
  ),
  METRICS_PORT: variable(Type.Integer({ minimum: 0, maximum: 65535 }), "a port, 0 to 65535", {
    read: number,
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(url("https?"), "http://host:port of a collector that takes OTLP"),
  OTEL_EXPORTER_OTLP_HEADERS: variable(
    Type.Record(Type.String({ minLength: 1 }), Type.String()),
    "name=value, with commas between",
    { read: pairs, secret: true },
  ),
  OTEL_SERVICE_NAME: variable(Type.String({ minLength: 1, maxLength: 64 }), "1 to 64 characters", {
    default: "subscription-hub",
  }),
  OTEL_TRACES_SAMPLER_ARG: variable(
    Type.Number({ minimum: 0, maximum: 1 }),
    "the part of the requests that is traced, 0 to 1",
    { read: number, default: 0.1 },
  ),
} satisfies Record<string, Variable>;

type Name = keyof typeof VARIABLES;
type ValueOf<N extends Name> = Static<(typeof VARIABLES)[N]["schema"]>;
/** Those with a default, or made at start; all others may be missing. */
type Optional =
  | "MONGO_URL"
  | "COMMANDS_URL"
  | "EVENTS_URL"
  | "TRANSPORTER"
  | "NODE_ID"
  | "JWT_PRIVATE_KEY"
  | "ADMIN_PASSWORD"
  | "SMTP_URL"
  | "FRAUD_URL"
  | "STRIPE_SECRET_KEY"
  | "METRICS_PORT"
  | "OTEL_EXPORTER_OTLP_ENDPOINT"
  | "OTEL_EXPORTER_OTLP_HEADERS";

export type Config = Readonly<
  { [N in Exclude<Name, Optional>]: ValueOf<N> } & { [N in Optional]?: ValueOf<N> }
>;

/**
 * Reads the environment. An empty variable counts as unset.
 * @throws ConfigError with one line that names the variable and what it takes.
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const config: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(VARIABLES) as [Name, Variable][]) {
    const text = env[name];
    const value = text === undefined || text === "" ? variable.default : variable.read(text);
    if (value === undefined) continue;
    if (fieldErrors(variable.schema, value)) {
      const shown = variable.secret ? "" : ` (it is ${JSON.stringify(text)})`;
      throw new ConfigError(`${name} takes ${variable.takes}${shown}.`);
    }
    config[name] = value;
  }
  if (config.PAYMENT_PROVIDER === "stripe" && !config.STRIPE_SECRET_KEY)
    throw new ConfigError("STRIPE_SECRET_KEY is needed with PAYMENT_PROVIDER=stripe.");
  return config as Config;
}
