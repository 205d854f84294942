import { Requests } from "../../../mixins/http/requests-first";

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

describe("connections", () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it.each([
    ["three turns of the loop in a row that each bring one", [true, true, true], true],
    ["many of one turn", [true, false], false],
    ["turns with none between them", [true, true, false, true, true, false, true], false],
  ])("given %s, whether they go before messages: %#", async (_, turns, busy) => {
    const requests = new Requests();
    for (const hasOne of turns) {
      if (hasOne) for (let i = 0; i < 5; i++) requests.connected();
      await turn();
    }
    expect(requests.busy).toBe(busy);
  });
});
