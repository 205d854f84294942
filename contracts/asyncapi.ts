import { Type, type TObject } from "@sinclair/typebox";
import { COMMANDS, type CommandType } from "./commands";
import { DEAD_LETTERS, DeadLetterMessage } from "./dead-letter";
import { ALL_TOPICS, EVENTS, type EventType, type Topic } from "./events";
import { exampleOf } from "./examples";
import { COMMAND_FLOWS, senderOf, TAKES, topicsOf } from "./flows";
import { commandSchema, eventSchema } from "./messages";

const EVENT_TYPES = Object.keys(EVENTS) as EventType[];
const COMMAND_TYPES = Object.keys(COMMANDS) as CommandType[];
const Text = Type.String();

/** CloudEvents 1.0, Kafka binding, binary mode. */
const EventHeaders = Type.Object({
  ce_specversion: Type.Literal("1.0"),
  ce_id: Type.String({ description: "eventId" }),
  ce_type: Type.String({ description: "eventType" }),
  ce_source: Type.String({ description: "source" }),
  ce_time: Type.String({ format: "date-time", description: "timestamp" }),
  ce_subject: Type.String({ description: "key" }),
  ce_correlationid: Type.String({ description: "correlationId" }),
  "content-type": Type.Literal("application/json"),
});
/** What a message that is traced, redelivered or redriven has on top. */
const HubHeaders = Type.Object({
  traceparent: Type.Optional(
    Type.String({ description: "W3C Trace Context, of a message that belongs to a trace" }),
  ),
  "x-hub-attempt": Type.Optional(Type.String({ description: "counts the deliveries to a group" })),
  "x-hub-only-group": Type.Optional(
    Type.String({ description: "redriven for this group alone; the others let it pass" }),
  ),
  "x-hub-dead-letter": Type.Optional(
    Type.String({ description: "the id of the dead letter that a redriven message comes from" }),
  ),
});

const ref = (path: string) => ({ $ref: `#/${path}` });
const refs = (names: readonly string[], at: string) =>
  Object.fromEntries(names.map((name) => [name, ref(`${at}/${name}`)]));

/** An example of a whole message, as docs and tests show it. */
export const exampleMessage = (schema: TObject): Record<string, unknown> =>
  exampleOf(schema) as Record<string, unknown>;

/** The schema of a message of this type, envelope and all. */
export const messageSchema = (type: EventType | CommandType): TObject =>
  type in EVENTS
    ? eventSchema(type, EVENTS[type as EventType].data)
    : commandSchema(type, COMMANDS[type as CommandType].data);

function message(type: EventType | CommandType, summary: string, headers: TObject) {
  const schema = messageSchema(type);
  return {
    name: type,
    title: type,
    summary,
    contentType: "application/json",
    correlationId: { location: "$message.payload#/correlationId" },
    headers,
    payload: schema,
    examples: [{ payload: exampleMessage(schema) }],
  };
}

/** Kafka's topics, RabbitMQ's queues, and the dead letters of both. */
function channels() {
  const topic = (name: Topic) => ({
    address: name,
    description: "The record's key is the envelope's `key`: events of one aggregate keep their order.",
    servers: [ref("servers/kafka")],
    messages: refs(
      EVENT_TYPES.filter((type) => EVENTS[type].topic === name),
      "components/messages",
    ),
  });
  const queue = (name: CommandType) => ({
    address: name,
    description: "A durable quorum queue; messages are persistent and confirmed.",
    servers: [ref("servers/rabbitmq")],
    messages: refs([name], "components/messages"),
    bindings: { amqp: { is: "queue", queue: { name, durable: true, exclusive: false, autoDelete: false } } },
  });
  return {
    ...Object.fromEntries(ALL_TOPICS.map((name) => [name, topic(name)])),
    ...Object.fromEntries(COMMAND_TYPES.map((name) => [name, queue(name)])),
    [DEAD_LETTERS]: {
      address: DEAD_LETTERS,
      description: "Messages that could not be processed: a topic on Kafka, a queue on RabbitMQ.",
      servers: [ref("servers/kafka"), ref("servers/rabbitmq")],
      messages: refs(["DeadLetter"], "components/messages"),
    },
  };
}

/** Who sends what and who takes it: one operation for each service and channel. */
function operations() {
  const operation = (
    action: "send" | "receive",
    service: string,
    channel: string,
    types: readonly string[],
  ) => [
    `${service}.${action}.${channel}`,
    {
      action,
      title: `${service} ${action === "send" ? "sends to" : "takes from"} ${channel}`,
      tags: [{ name: service }],
      channel: ref(`channels/${channel}`),
      messages: types.map((type) => ref(`channels/${channel}/messages/${type}`)),
    },
  ];
  const on = (topic: Topic, types: readonly EventType[] = EVENT_TYPES) =>
    types.filter((type) => EVENTS[type].topic === topic);
  return Object.fromEntries([
    ...ALL_TOPICS.map((topic) => operation("send", senderOf(topic), topic, on(topic))),
    ...Object.keys(TAKES).flatMap((service) =>
      topicsOf(service).map((topic) => operation("receive", service, topic, on(topic, TAKES[service]))),
    ),
    ...COMMAND_TYPES.flatMap((type) => [
      operation("send", COMMAND_FLOWS[type].from, type, [type]),
      operation("receive", COMMAND_FLOWS[type].to, type, [type]),
    ]),
    operation("receive", "audit", DEAD_LETTERS, ["DeadLetter"]),
  ]);
}

function build() {
  const eventHeaders = Type.Object({ ...EventHeaders.properties, ...HubHeaders.properties });
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Subscription Hub",
      version: "1.0.0",
      description:
        "Events are facts, on Kafka; commands are instructions to one service, on RabbitMQ. Both come at least " +
        "once: go by `eventId` or `commandId`. Ignore fields and types that you do not know. Without servers of " +
        "its own a hub carries the same messages in one process.",
    },
    defaultContentType: "application/json",
    servers: {
      kafka: { host: "localhost:9092", protocol: "kafka", description: "EVENTS_URL" },
      rabbitmq: { host: "localhost:5672", protocol: "amqp", description: "COMMANDS_URL" },
    },
    channels: channels(),
    operations: operations(),
    components: {
      messages: {
        ...Object.fromEntries(
          EVENT_TYPES.map((type) => [type, message(type, EVENTS[type].summary, eventHeaders)]),
        ),
        ...Object.fromEntries(
          COMMAND_TYPES.map((type) => [type, message(type, COMMANDS[type].summary, HubHeaders)]),
        ),
        DeadLetter: {
          name: "DeadLetter",
          title: "DeadLetter",
          summary: "A message that was put aside, with its reason and its own headers.",
          contentType: "application/json",
          headers: Type.Record(Text, Text),
          payload: DeadLetterMessage,
          examples: [{ payload: exampleMessage(DeadLetterMessage) }],
        },
      },
    },
  };
}

let document: ReturnType<typeof build> | null = null;

/** The AsyncAPI 3.0 document of all messages, made once. */
export const asyncapi = (): ReturnType<typeof build> =>
  (document ??= JSON.parse(JSON.stringify(build())) as ReturnType<typeof build>);
