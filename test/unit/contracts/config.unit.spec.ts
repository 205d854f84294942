import { loadConfig, VARIABLES } from "../../../config";
import { ConfigError } from "../../../contracts/errors";

/** The message of a start with these variables; null when it is fine. */
function refusal(env: Record<string, string>): string | null {
  try {
    loadConfig(env);
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
}

test("with nothing set the hub is whole, in one process", () => {
  expect(loadConfig({})).toMatchObject({
    PORT: 3000,
    JWT_ACCESS_TTL: 900,
    JWT_REFRESH_TTL: 30 * 24 * 3600,
    ADMIN_EMAIL: "admin@hub.local",
    FRAUD_LIMIT: 0.8,
    PAYMENT_PROVIDER: "simulated",
    DATA_DIR: "./data",
    RATE_LIMIT: 600,
    LOGIN_RATE_LIMIT: 10,
    TRUST_PROXY: false,
    WEBHOOK_ALLOW_PRIVATE: false,
  });
  expect(loadConfig({}).SERVICES).toHaveLength(9);
});

test("an empty variable is one that is not set", () => {
  expect(loadConfig({ PORT: "", MONGO_URL: "", ADMIN_PASSWORD: "" })).toEqual(loadConfig({}));
});

test.each<[string, string, unknown]>([
  ["PORT", "0", 0],
  ["SERVICES", " orders , audit ", ["orders", "audit"]],
  ["RATE_LIMIT", "off", "off"],
  ["TRUST_PROXY", "ON", true],
  ["TRUST_PROXY", "0", false],
  ["FRAUD_LIMIT", "0.5", 0.5],
  ["LOG_LEVEL", "off", "off"],
  ["METRICS_PORT", "9464", 9464],
  ["EVENTS_URL", "kafka://one:9092,two:9092", "kafka://one:9092,two:9092"],
  ...[
    "nats://localhost:4222",
    "rediss://r",
    "amqp10://q",
    "mqtts://m",
    "kafka://k:9092",
    "stan://s",
    "TCP",
    "tcp://a:1/n",
  ].map((url): [string, string, unknown] => ["TRANSPORTER", url, url]),
])("%s=%s is read", (name, text, value) => {
  expect(loadConfig({ [name]: text })).toMatchObject({ [name]: value });
});

test.each<[string, string]>([
  ["PORT", "http"],
  ["PORT", "70000"],
  ["PORT", "-1"],
  ["PORT", "80.5"],
  ["PORT", " "],
  ["PORT", "0x10"],
  ["PORT", "1e3"],
  ["SERVICES", "orders,kitchen"],
  ["SERVICES", "orders,orders"],
  ["SERVICES", ","],
  ["MONGO_URL", "http://localhost"],
  ["COMMANDS_URL", "kafka://localhost"],
  ["EVENTS_URL", "localhost:9092"],
  ["EVENTS_URL", "kafka://host"],
  ["EVENTS_URL", "kafka://host:0"],
  ["EVENTS_URL", "kafka://host:65536"],
  ["EVENTS_URL", "kafka://host:99999"],
  ["EVENTS_URL", "kafka://a:b"],
  ["EVENTS_URL", "kafka://one:9092,two"],
  ["EVENTS_URL", "kafka://one:9092,"],
  ["EVENTS_URL", "kafka://one:9092/topic"],
  ["TRANSPORTER", "garbage"],
  ["TRANSPORTER", "http://x"],
  ["TRANSPORTER", "h:4222"],
  ["TRANSPORTER", "nats://"],
  ["TRANSPORTER", "Base"],
  ["JWT_ACCESS_TTL", "0"],
  ["JWT_REFRESH_TTL", "forever"],
  ["JWT_PRIVATE_KEY", "secret"],
  ["ADMIN_EMAIL", "admin"],
  ["ADMIN_PASSWORD", "short"],
  ["SMTP_URL", "mail.example.com"],
  ["FRAUD_URL", "ftp://example.com"],
  ["FRAUD_LIMIT", "2"],
  ["PAYMENT_PROVIDER", "cash"],
  ["RATE_LIMIT", "0"],
  ["RATE_LIMIT", "none"],
  ["LOGIN_RATE_LIMIT", "-5"],
  ["TRUST_PROXY", "maybe"],
  ["WEBHOOK_ALLOW_PRIVATE", "perhaps"],
  ["LOG_LEVEL", "loud"],
  ["METRICS_PORT", "none"],
  ["NODE_ID", "has blanks"],
])("%s=%j is refused in one line that says what it takes", (name, text) => {
  const message = refusal({ [name]: text }) ?? "";
  expect(message).toMatch(new RegExp(`^${name} takes `));
  expect(message).not.toContain("\n");
  const variable: { takes: string } = VARIABLES[name as keyof typeof VARIABLES];
  expect(message).toContain(variable.takes);
});

test.each([
  ["MONGO_URL", "user:swordfish@host"],
  ["COMMANDS_URL", "http://user:swordfish@host"],
  ["SMTP_URL", "http://user:swordfish@host"],
  ["JWT_PRIVATE_KEY", "swordfish"],
])("the refusal of %s does not tell the secret in it", (name, text) => {
  expect(refusal({ [name]: text })).not.toContain("swordfish");
  expect(refusal({ ADMIN_PASSWORD: "fish" })).not.toContain("(it is");
});

test("Stripe needs its key", () => {
  expect(refusal({ PAYMENT_PROVIDER: "stripe" })).toMatch(/^STRIPE_SECRET_KEY/);
});
