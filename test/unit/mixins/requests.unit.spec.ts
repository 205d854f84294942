import { Requests } from "../../../mixins/requests";

/** As many requests as are needed for messages to wait their turn. */
const BUSY = 16;
const TURNS = 40;
const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

describe("messages while requests wait", () => {
  it("given many batches, when each has had its turn, then their timers are cleared", async () => {
    const requests = new Requests();
    for (let i = 0; i < BUSY; i++) requests.begin();
    const before = timers();
    for (let i = 0; i < TURNS; i++) await requests.inTurn(async () => undefined);
    expect(timers()).toBeLessThan(before + TURNS / 2);
  });
});
