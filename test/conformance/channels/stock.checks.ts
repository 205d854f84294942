import { channelConformance } from "./channels.suite";
import { stockAmqpKit, stockKafkaKit } from "./stock.kit";

/** Not a spec: most of these fail or hang, so `npm run stock-adapters` runs each in a process of its own. */
const { COMMANDS_URL = "", EVENTS_URL = "" } = process.env;

describe("stock amqp", () => channelConformance(() => stockAmqpKit(COMMANDS_URL), true));
describe("stock kafka", () => channelConformance(() => stockKafkaKit(EVENTS_URL), true));
