import { Inbox } from "../../../mixins/telemetry/metrics-inbox";

describe("the inbox", () => {
  it("knows what each group works on, and for how long the oldest of it", () => {
    const inbox = new Inbox();
    const started = Date.now();
    const left = inbox.take("orders", 3);
    inbox.take("orders", 2);
    inbox.take("audit", 1);
    const now = started + 10_000;
    expect(inbox.read(now).get("orders")?.pending).toBe(5);
    expect(inbox.read(now).get("audit")?.oldestMs).toBeGreaterThan(9_000);
    left();
    expect(inbox.read(now).get("orders")?.pending).toBe(2);
  });

  it("tells of a group that has nothing to do", () => {
    const inbox = new Inbox();
    inbox.take("orders", 3)();
    expect(inbox.read().get("orders")).toEqual({ pending: 0, oldestMs: 0 });
  });
});
