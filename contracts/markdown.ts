import { exampleMessage, messageSchema } from "./asyncapi";
import { COMMANDS, type CommandType } from "./commands";
import { ALL_TOPICS, EVENTS, TOPICS, type EventType, type Topic } from "./events";
import { COMMAND_FLOWS, senderOf, TAKES, takersOf } from "./flows";

const EVENT_TYPES = Object.keys(EVENTS) as EventType[];
const COMMAND_TYPES = Object.keys(COMMANDS) as CommandType[];
const on = (topic: Topic): EventType[] => EVENT_TYPES.filter((type) => EVENTS[type].topic === topic);

/** `docs/events.md`: the map of all messages, and a section for each. */
export const eventsMarkdown = (): string =>
  [HEAD, map(), WHY, ...COMMAND_TYPES.map(command), ...ALL_TOPICS.flatMap(topic)].join("\n\n") + "\n";

const HEAD = `# Events and commands

Made from \`contracts/\` by \`npm run contracts\`; do not edit. The same for programs: \`/api/asyncapi.json\`.

Events are facts and travel over Kafka; commands are instructions to one service and travel over RabbitMQ.
Solid arrows are events, thick ones commands. \`audit\` keeps every event and is left out of the picture.`;

/** Who tells whom, as a picture. */
function map(): string {
  const acting = Object.keys(TAKES).filter((service) => service !== "audit");
  const events = ALL_TOPICS.flatMap((topic) =>
    acting.flatMap((to) => {
      const types = on(topic).filter((type) => TAKES[to]?.includes(type));
      return types.length > 0 ? [`  ${senderOf(topic)} -- "${types.join("<br/>")}" --> ${to}`] : [];
    }),
  );
  const commands = COMMAND_TYPES.map((type) => {
    const { from, to } = COMMAND_FLOWS[type];
    return `  ${from} == "${type}" ==> ${to}`;
  });
  return ["```mermaid", "flowchart LR", ...commands, ...events, "```"].join("\n");
}

const WHY = `## Thin and fat
An event carries what its consumers need to act, and no more. \`PaymentProcessed\` and \`OrderCancelled\` are
fat: they carry the lines of the order, so that \`inventory\` can act without asking \`orders\`, which may be
away. \`OrderPlaced\` is fat as well: it holds the prices of that moment, which can be looked up nowhere
later. \`UserRegistered\`, \`UserLoggedIn\` and \`NotificationSent\` are thin: ids alone, because the event store
keeps events for ever and personal data has to be erasable.

## Versions
\`version\` is "major.minor". A minor only adds optional fields; consumers ignore what they do not know.
\`npm run check\` compares every contract with the last snapshot in \`contracts/snapshots\`: a change that breaks
a consumer needs a new major and an upcaster in \`contracts/upcasters.ts\`, which turns old messages into new
ones when they are read. \`npm run contracts -- --release\` writes the next snapshot.`;

const example = (type: EventType | CommandType): string =>
  ["```json", JSON.stringify(exampleMessage(messageSchema(type)), null, 2), "```"].join("\n");

function command(type: CommandType): string {
  const { summary, version } = COMMANDS[type];
  const { from, to } = COMMAND_FLOWS[type];
  return `## ${type}\n${summary} Version ${version}; from ${from} to ${to}.\n\n${example(type)}`;
}

/** `hub.system` is the one topic that no service is named after. */
const tellersOf = (name: Topic): string =>
  name === TOPICS.system
    ? "every node; ErrorOccurred, DeadLetterRedriven and DeadLetterDiscarded by audit"
    : senderOf(name);

function topic(name: Topic): string[] {
  return [`## ${name}\nTold by ${tellersOf(name)}.`, ...on(name).map(event)];
}

function event(type: EventType): string {
  const { summary, version } = EVENTS[type];
  const takers = takersOf(type).filter((service) => service !== "audit");
  const taken = takers.length > 0 ? `Taken by ${takers.join(", ")} and audit.` : "Taken by audit.";
  return `### ${type}\n${summary} Version ${version}. ${taken}\n\n${example(type)}`;
}
