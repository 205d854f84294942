import { channelConformance } from "./channels.suite";
import { embeddedKit } from "./embedded.kit";

describe("embedded events", () => channelConformance(() => embeddedKit("event")));
describe("embedded commands", () => channelConformance(() => embeddedKit("command")));
