import { redact, redactText } from "../../../contracts/redact";
import { toDeadLetter } from "../../../contracts/dead-letter";

const JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIwMTk5In0.c2lnbmF0dXJl";
const REFRESH = "0199a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmE";

describe("redactText", () => {
  it.each([
    ["an e-mail address", "550 5.1.1 <jane.doe+x@mail.example.com>: unknown", "jane.doe"],
    ["an access token", `bad token ${JWT}`, JWT],
    ["a refresh token", `no session ${REFRESH}`, REFRESH],
    ["an Authorization header", "authorization: Bearer abc.def", "abc.def"],
    ["the credentials of a URL", "connect amqp://hub:swordfish@rabbit:5672 failed", "swordfish"],
    ["a password in cut-off JSON", 'Unexpected end: "{"password":"seesa', "seesa"],
    ["a name in JSON", '{"email":"a@b.example","name":"Jane \\"J\\" Doe","plan":"x"}', "Jane"],
    ["a form's password", "grant?password=swordfish&x=1", "swordfish"],
    ["a Stripe key", "Invalid API Key: sk_live_51Habc", "51Habc"],
    ["a private key", "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----", "MIGH"],
  ])("takes out %s", (_what, text, secret) => {
    expect(redactText(text)).not.toContain(secret);
  });

  it("leaves what operators need", () => {
    for (const text of [
      "amqp://rabbit:5672: connect ECONNREFUSED 127.0.0.1:5672",
      "at run (/app/node_modules/@moleculer/channels/src/index.js:12:3)",
      "Dead letter 0199a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b of payments.charge (PROVIDER_BROKEN)",
    ])
      expect(redactText(text)).toBe(text);
  });

  it("shows of a very long text the beginning, and how long it was", () => {
    const shown = redactText(`${"word ".repeat(10_000)}end`);
    expect(shown).toMatch(/^(word )+.*\.\.\. \(50003 characters\)$/);
    expect(shown.length).toBeLessThan(8_192);
    expect(redactText("word ".repeat(1_000))).toBe("word ".repeat(1_000));
  });

  it.each([
    ["an e-mail address", "jane.doe+x@mail.example.com"],
    ["an access token", JWT],
    ["a refresh token", REFRESH],
    ["an Authorization header", "Bearer abc.def"],
    ["the credentials of a URL", "amqp://hub:swordfish@rabbit:5672"],
    ["a password in JSON", '{"password":"sea horse"}'],
    ["a form's password", "password=swordfish"],
    ["a Stripe key", "sk_live_51Habc"],
    ["a private key", `-----BEGIN PRIVATE KEY-----\n${"MIGH\n".repeat(600)}-----END PRIVATE KEY-----`],
  ])("shows nothing of %s that stands where a long text is cut", (_what, secret) => {
    const step = Math.ceil(secret.length / 80);
    for (let before = 8_192 - secret.length; before <= 8_192; before += step) {
      const shown = redactText(`${"-".repeat(before - 1)} ${secret} ${"-".repeat(8_192)}`);
      expect(shown.replace(/^-+ ?|\[redacted\]|Bearer|password=|\.\.\. .*$/g, "")).toMatch(/^[ -]*$/);
    }
  });
});

describe("redact", () => {
  it("hides secret fields at any depth, and a person's name", () => {
    const shown = redact({
      user: { email: "jane@example.com", name: "Jane", role: "user" },
      body: [{ password: "swordfish", refreshToken: null }],
      service: { name: "orders" },
    });
    expect(shown).toEqual({
      user: { email: "[redacted]", name: "[redacted]", role: "user" },
      body: [{ password: "[redacted]", refreshToken: null }],
      service: { name: "orders" },
    });
  });

  it("keeps of an error what it says of itself, and not the request that it carries", () => {
    const error = Object.assign(new Error("jane@example.com is gone", { cause: new Error("deep") }), {
      code: "GONE",
      ctx: { params: { password: "swordfish" } },
    });
    const shown = redact(error) as { stack: string };
    expect(shown).toMatchObject({ code: "GONE", message: "[redacted] is gone", cause: { message: "deep" } });
    expect(JSON.stringify(shown)).not.toMatch(/swordfish|jane@/);
    expect(shown.stack).toContain("redact.unit.spec");
  });

  it("ends where an object holds itself", () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(JSON.stringify(redact(loop))).toContain("[...]");
  });
});

it("keeps addresses out of a dead letter's error, and the message as it was", () => {
  const payload = { commandId: "c", data: { orderId: "o" } };
  const source = { id: "l", kind: "command", channel: "c", group: "g", key: null, headers: {} } as const;
  const error = new Error("no such user jane@example.com");
  const letter = toDeadLetter({ ...source, attempts: 1, payload, error, now: new Date() });
  expect(JSON.stringify(letter.error)).not.toContain("jane@");
  expect(letter.payload).toEqual(payload);
});
