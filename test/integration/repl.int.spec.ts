import { completions, replCommands } from "../../repl";
import type { Args, Helpers, ReplCommand } from "../../repl/command";
import { DEAD_LETTERS } from "../../channels/types";
import type { DeadLetter } from "../../contracts/dead-letter";
import { newId } from "../../contracts/ids";
import type { Client } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { orderIs, place } from "../support/orders";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

/** Stands for the table library that moleculer-repl brings along. */
const plain: Helpers = {
  table: (rows) => rows.map((row) => row.join(" | ")).join("\n") + "\n",
  getBorderCharacters: () => ({}),
};

describe("the REPL's commands", () => {
  let hub: TestHub;
  let user: Client;

  beforeAll(async () => {
    hub = await startHub();
    user = (await signUp(hub.guest)).client;
  }, 60_000);
  afterAll(() => hub?.stop(), 30_000);

  /** What a command prints. */
  async function typed(name: string, { options = {}, ...args }: Partial<Args> = {}): Promise<string> {
    const command = hub.broker.options.replCommands?.find(
      (one) => (one as ReplCommand).command.split(" ")[0] === name,
    ) as ReplCommand;
    let printed = "";
    const write = jest.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    try {
      await command.action(hub.broker, { ...args, options }, plain);
    } finally {
      write.mockRestore();
    }
    return printed;
  }

  /** A dead letter of a channel that nobody consumes; its id in the store. */
  async function deadLetter(messageId: string): Promise<string> {
    const letter: DeadLetter = {
      id: newId(),
      kind: "event",
      channel: "repl.nowhere",
      type: "Tested",
      messageId,
      key: null,
      correlationId: null,
      service: "payments",
      reason: "NO_SUCH_PLAN",
      error: { name: "PermanentError", message: "the plan is gone", stack: "" },
      attempts: 2,
      headers: { trace: "t-1" },
      payload: { eventId: messageId, eventType: "Tested", planId: "gone" },
      failedAt: new Date().toISOString(),
    };
    await hub.broker.publishEvent(DEAD_LETTERS, letter);
    return waitFor(async () => {
      const { items } = await hub.broker.call<{ items: DeadLetter[] }, object>("audit.deadLetters", {});
      return items.find((one) => one.messageId === messageId)?.id;
    });
  }

  it("hub status shows this node, its services, the orders and what to look after", async () => {
    const { id } = await place(user);
    await orderIs(user, id, "ACTIVE");

    const text = await typed("hub", { what: "status" });

    expect(text).toContain(`${hub.broker.nodeID} | up | `);
    expect(text).toMatch(/ACTIVE \| \d+/);
    expect(text).toContain("stuck orders | 0");
    expect(text).toMatch(/payments \| \d+/);
  });

  it("hub orders lists the newest first, by status and number", async () => {
    const first = await place(user);
    const second = await place(user);
    await orderIs(user, first.id, "ACTIVE");
    await orderIs(user, second.id, "ACTIVE");

    const one = await typed("hub", { what: "orders", options: { status: "active", limit: "1" } });
    const none = await typed("hub", { what: "orders", options: { status: "REJECTED" } });

    expect(one).toContain(second.id);
    expect(one).not.toContain(first.id);
    expect(none).toBe("(none)\n");
  });

  it("hub orders refuses a status that there is not, in one line", async () => {
    const text = await typed("hub", { what: "orders", options: { status: "LOST" } });
    expect(text).toMatch(/^VALIDATION_ERROR: .+\n$/);
  });

  it("hub orders --stuck names the service that owes the next step", async () => {
    const stuck = [
      { id: "o-1", userId: "u-1", status: "PENDING", owes: "payments", waitingSince: 0, asked: 3 },
    ];
    const call = jest.spyOn(hub.broker, "call").mockResolvedValue(stuck);

    const text = await typed("hub", { what: "orders", options: { stuck: true } }).finally(() =>
      call.mockRestore(),
    );

    expect(text).toMatch(/o-1 \| u-1 \| PENDING \| payments \| .+ d \| 3/);
    expect(await hub.broker.call("orders.stuck", { limit: 10 })).toEqual([]);
  });

  it("hub trace shows each message under what caused it", async () => {
    const { id } = await place(user);
    await orderIs(user, id, "ACTIVE");

    const text = await waitFor(async () => {
      const traced = await typed("hub", { what: "trace", order: id });
      return traced.includes("SubscriptionActivated") && traced;
    });

    const [head, , , request, ...caused] = text.split("\n");
    expect(head).toContain(`Order ${id}: ACTIVE`);
    expect(request).toContain("POST /api/orders");
    const depth = (type: string) => caused.find((line) => line.includes(type))?.indexOf(type) ?? -1;
    expect(depth("payments.charge")).toBeGreaterThan(request.indexOf("POST"));
    expect(depth("PaymentProcessed")).toBeGreaterThan(depth("payments.charge"));
  });

  it("says so where there is no such order, and how it is used", async () => {
    expect(await typed("hub", { what: "trace", order: "nope" })).toMatch(/^NOT_FOUND: /);
    expect(await typed("hub", { what: "trace" })).toMatch(/^usage: hub status/);
    expect(await typed("dlq", { what: "toString" })).toMatch(/^usage: dlq list/);
  });

  it("dlq lists, shows, redrives once, and discards", async () => {
    const [redriven, discarded] = [await deadLetter("m-1"), await deadLetter("m-2")];

    const list = await typed("dlq", { what: "list" });
    expect(list).toContain(`${redriven} | Tested | payments | NO_SUCH_PLAN | 2`);
    const shown = await typed("dlq", { what: "show", id: redriven });
    expect(shown).toContain('"planId": "gone"');
    expect(shown).toContain("PermanentError: the plan is gone");

    expect(await typed("dlq", { what: "redrive", id: redriven })).toContain("goes to payments again");
    expect(await typed("dlq", { what: "redrive", id: redriven })).toMatch(/^DEAD_LETTER_CLOSED: /);
    expect(await typed("dlq", { what: "discard", id: discarded })).toContain("discarded");
    expect(await typed("dlq", { what: "list" })).not.toContain(redriven);
    expect(await typed("dlq", { what: "list", options: { status: "discarded" } })).toContain(discarded);
  });

  it("outbox shows what is stored and not yet sent", async () => {
    const refuse = jest
      .spyOn(hub.broker.commandsAdapter as unknown as { publish(): Promise<void> }, "publish")
      .mockRejectedValue(new Error("away"));
    const { id } = await place(user);

    const text = await waitFor(async () => {
      const unsent = await typed("outbox");
      return unsent.includes("payments.charge") && unsent;
    }).finally(() => refuse.mockRestore());

    expect(text).toContain(`orders | ${id} | payments.charge`);
    await waitFor(async () => !(await typed("outbox")).includes(id), { timeout: 15_000 });
  }, 30_000);

  it("completes what may follow a command, and leaves other lines alone", () => {
    expect(replCommands.map(({ command }) => command.split(" ")[0])).toEqual(["hub", "dlq", "outbox"]);
    expect(completions("dlq re")).toEqual(["dlq redrive"]);
    expect(completions("hub o")).toContain("hub orders --stuck");
    expect(completions("hub")).toBeNull();
    expect(completions("call orders")).toBeNull();
  });
});
