import type { TObject, TSchema } from "@sinclair/typebox";
import Ajv from "ajv";
import schema from "@asyncapi/specs/schemas/3.0.0.json";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HEADERS } from "../../channels/types";
import { ROOT } from "../../config/paths";
import { asyncapi, exampleMessage, messageSchema } from "../../contracts/asyncapi";
import { COMMANDS, type CommandType } from "../../contracts/commands";
import { toDeadLetter } from "../../contracts/dead-letter";
import { EVENTS, type EventType, type HubEvent } from "../../contracts/events";
import { exampleOf } from "../../contracts/examples";
import { TAKES, topicsOf } from "../../contracts/flows";
import { contractError } from "../../contracts/messages";
import { eventsMarkdown } from "../../contracts/markdown";
import { openapi } from "../../contracts/openapi";
import { ROUTES } from "../../contracts/routes";
import { fieldErrors } from "../../contracts/validate";
import { factOf } from "../../domain/facts";
import { noticeOf } from "../../domain/notification";

const EVENT_TYPES = Object.keys(EVENTS) as EventType[];
const TYPES = [...EVENT_TYPES, ...(Object.keys(COMMANDS) as CommandType[])];

describe("The OpenAPI document", () => {
  test("is valid OpenAPI 3.1", () => {
    // The validator is an ES module, which jest does not load: it runs in a process of its own.
    const program = `import { Validator } from "@seriousme/openapi-schema-validator";
      import { text } from "node:stream/consumers";
      const result = await new Validator().validate(JSON.parse(await text(process.stdin)));
      process.stdout.write(JSON.stringify(result));`;
    const options = { cwd: ROOT, input: JSON.stringify(openapi()), encoding: "utf8" } as const;
    const result = execFileSync(process.execPath, ["--input-type=module", "-e", program], options);
    expect(JSON.parse(result)).toEqual({ valid: true });
  });

  test("has every call, each under an id of its own", () => {
    const paths = openapi().paths as Record<string, Record<string, { operationId: string }>>;
    for (const { method, path, action } of ROUTES)
      expect(paths[`/api${path.replace(/:(\w+)/g, "{$1}")}`]?.[method.toLowerCase()]?.operationId).toBe(
        action,
      );
    const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map((m) => m.operationId));
    expect(new Set(ids).size).toBe(ids.length);
  });

  const shapes = ROUTES.flatMap(({ method, path, body, answer }) =>
    [body, answer].flatMap((shape): [string, TSchema][] => (shape ? [[`${method} ${path}`, shape]] : [])),
  );
  test.each(shapes)("%s: the example meets its schema", (_call, shape) => {
    expect(fieldErrors(shape, exampleOf(shape))).toBeNull();
  });
});

describe("The AsyncAPI document", () => {
  test("is valid AsyncAPI 3.0", () => {
    // The schema brings draft 7's own with it, which ajv must not have twice.
    const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
    const validate = ajv.compile(schema);
    validate(asyncapi());
    expect(validate.errors ?? []).toEqual([]);
  });

  test("has every event and command", () => {
    expect(Object.keys(asyncapi().components.messages)).toEqual(expect.arrayContaining(TYPES));
  });

  test("given a message that failed, when it is put aside, then its dead letter is what the document says", () => {
    const failed = {
      id: "letter-1",
      kind: "event",
      channel: "hub.orders",
      group: "audit",
      key: null,
      headers: {},
      attempts: 6,
      payload: "no JSON",
      error: new Error("no"),
      now: new Date(),
    } as const;
    const letter = JSON.parse(JSON.stringify(toDeadLetter(failed))) as object;
    const { payload } = asyncapi().components.messages.DeadLetter;
    expect(Object.keys(payload.properties).sort()).toEqual(Object.keys(letter).sort());
    expect(fieldErrors(payload, letter)).toBeNull();
  });

  test("has every header that the transports set, and no other", () => {
    const messages = asyncapi().components.messages as unknown as Record<string, { headers: TObject }>;
    const headers = Object.keys(messages["payments.charge"]?.headers.properties ?? {});
    const own = headers.filter((name) => name.startsWith("x-hub-"));
    expect(own.sort()).toEqual(Object.values(HEADERS).sort());
  });

  test.each(TYPES)("%s: the example meets its contract", (type) => {
    expect(contractError(exampleMessage(messageSchema(type)))).toBeNull();
  });
});

describe("docs/events.md", () => {
  test.each([
    ["hub.orders", "orders"],
    ["hub.users", "auth"],
    ["hub.inventory", "inventory"],
  ])("given the topic %s, when it is described, then its sender is %s", (topic, sender) => {
    expect(eventsMarkdown()).toContain(`## ${topic}\nTold by ${sender}.\n`);
  });
});

describe("Who takes what", () => {
  const event = (type: EventType) => exampleMessage(messageSchema(type)) as unknown as HubEvent;

  test("orders takes the events that are facts to it", () => {
    expect(new Set(TAKES.orders)).toEqual(new Set(EVENT_TYPES.filter((type) => factOf(event(type)))));
  });

  test("notifications takes the events that it tells, and those of users who are gone", () => {
    const told = EVENT_TYPES.filter((type) => noticeOf(event(type)));
    expect(new Set(TAKES.notifications)).toEqual(new Set([...told, "UserDeleted"]));
  });

  test.each(["orders", "inventory", "notifications"])("%s listens to the topics of its events", (service) => {
    const source = readFileSync(join(ROOT, `services/${service}.service.ts`), "utf8");
    const topics = [...source.matchAll(/"(hub\.\w+)": (?:consume|\{)/g)].map(([, topic]) => topic);
    expect(topics).toEqual(expect.arrayContaining(topicsOf(service)));
  });
});
