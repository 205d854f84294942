import { completions, replCommands } from "../../repl";
import type { Args, Helpers, ReplCommand } from "../../repl/command";
import { DEAD_LETTERS } from "../../channels/types";
import type { DeadLetter } from "../../contracts/dead-letter";
import { newId } from "../../contracts/ids";
import type { Client } from "../support/client";
import { waitLonger } from "../support/clock";
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
  async function deadLetter(messageId: string, reason = "NO_SUCH_PLAN"): Promise<string> {
    const letter: DeadLetter = {
      id: newId(),
      kind: "event",
      channel: "repl.nowhere",
      type: "Tested",
      messageId,
      key: null,
      correlationId: null,
      service: "payments",
      reason,
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

  /** The id of the first letter that a filter means. */
  const letterWhere = (query: object): Promise<string> =>
    waitFor(async () => {
      const { items } = await hub.broker.call<{ items: DeadLetter[] }, object>("audit.deadLetters", {
        query,
      });
      return items[0]?.id;
    });

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

  it("hub orders --stuck names the service that owes the next step, and hub nudge has it asked again", async () => {
    expect(await typed("hub", { what: "orders", options: { stuck: true } })).toBe("(none)\n");
    await hub.admin.put("/api/admin/simulator", { mode: "broken" });
    const { id } = await place(user);
    const letter = await letterWhere({ key: id });
    await typed("dlq", { what: "discard", id: letter, options: { reason: "a test" } });
    await hub.admin.put("/api/admin/simulator", { mode: "normal" });
    await waitLonger(hub.broker, id);

    const text = await waitFor(async () => {
      const stuck = await typed("hub", { what: "orders", options: { stuck: true } });
      return stuck.includes(id) && stuck;
    });
    expect(text).toMatch(
      new RegExp(
        `${id} \\| PENDING \\| payments \\| .+ s \\| \\d+ \\| ${letter} PROVIDER_BROKEN \\(discarded\\)`,
      ),
    );

    expect(await typed("hub", { what: "nudge", order: id })).toContain("asked for again");
    await orderIs(user, id, "ACTIVE");
    expect(await typed("hub", { what: "nudge", order: id })).toMatch(/^ORDER_OVER: /);
    expect(await typed("hub", { what: "nudge" })).toMatch(/^usage: hub status/);
  }, 30_000);

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
    expect(list).toContain(`${redriven} | Tested | payments | NO_SUCH_PLAN | 2 | 1 |`);
    const shown = await typed("dlq", { what: "show", id: redriven });
    expect(shown).toContain('"planId": "gone"');
    expect(shown).toContain("PermanentError: the plan is gone");

    expect(await typed("dlq", { what: "redrive", id: redriven })).toContain("goes to payments again");
    expect(await typed("dlq", { what: "redrive", id: redriven })).toMatch(/^DEAD_LETTER_CLOSED: /);
    expect(await typed("dlq", { what: "discard", id: discarded })).toContain("discarded");
    expect(await typed("dlq", { what: "list" })).not.toContain(redriven);
    expect(await typed("dlq", { what: "list", options: { status: "discarded" } })).toContain(discarded);
  });

  it("dlq list is narrowed by filters, and names what is wrong with one", async () => {
    const id = await deadLetter("m-3");
    const listed = (options: object) => typed("dlq", { what: "list", options: { ...options } });
    expect(await listed({ reason: "NO_SUCH_PLAN", kind: "event", from: "1h" })).toContain(id);
    expect(await listed({ reason: "OTHER" })).toBe("(none)\n");
    expect(await listed({ kind: "letter" })).toMatch(/^VALIDATION_ERROR: .+ · \/kind .+\n$/);
  });

  it("dlq redrive --edit merges a change into the message, and refuses one that breaks it", async () => {
    const orderId = newId();
    await hub.broker.sendCommand("payments.charge", {
      commandId: newId(),
      commandType: "payments.charge",
      timestamp: new Date().toISOString(),
      version: "1.0",
      source: "orders",
      correlationId: "repl",
      causationId: "repl",
      key: orderId,
      sequence: 1,
      data: {
        orderId,
        userId: "u-1",
        amount: "much",
        currency: "EUR",
        paymentMethod: "pm_card_visa",
        items: [],
      },
    });
    const id = await letterWhere({ key: orderId });
    const edit = (text: string) => typed("dlq", { what: "redrive", id, options: { edit: text } });

    expect(await edit("{amount}")).toMatch(/^VALIDATION_ERROR: .+ \/edit /);
    expect(await edit('{"data":{"amount":-1}}')).toMatch(/^VALIDATION_ERROR: .+ \/payload\/data\/amount /);
    expect(await edit('{"data":{"amount":5}}')).toContain("goes to payments again with another /data/amount");
    expect(await typed("dlq", { what: "show", id })).toContain('repl | /data/amount "much" -> 5');
  });

  it("dlq redrive --all sends all of a filter again, and dlq redrives tells how far it is", async () => {
    const id = await deadLetter("m-4", "MANY");
    const all = await typed("dlq", { what: "redrive", options: { all: true, reason: "MANY", rate: "50" } });
    expect(all).toContain("1 dead letters are sent again, 50 a second");
    const done = await waitFor(async () => {
      const jobs = await typed("dlq", { what: "redrives" });
      return jobs.includes("| done |") && jobs;
    });
    expect(done).toContain("| done | 1 | 1 | 50 | reason=MANY | repl |");
    expect(await typed("dlq", { what: "list", options: { status: "redriven" } })).toContain(id);
    const [, job = ""] = /\((.+)\)/.exec(all) ?? [];
    expect(await typed("dlq", { what: "stop", id: job })).toMatch(/^REDRIVE_OVER: /);
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

  it("replay builds a read model again and says what was different", async () => {
    const text = await typed("replay", { projection: "dashboard", options: { from: "1h" } });
    expect(text).toMatch(/^dashboard is rebuilt from \d+ events since 20.+; nothing was different\.\n$/);
    expect(await typed("replay", { projection: "dreams" })).toMatch(/^VALIDATION_ERROR: /);
    expect(await typed("replay", { projection: "dashboard", options: { from: "soon" } })).toMatch(
      /^VALIDATION_ERROR: /,
    );
    expect(await typed("replay")).toMatch(/dashboard \| done \| 100 %/);
  });

  it("audit verify holds the event store against its seals", async () => {
    await hub.broker.call("audit.seal", { ageMs: 0 });
    expect(await typed("audit", { what: "verify" })).toMatch(/\d{4}-\d\d-\d\d \| \d+ \| \d+ \| 0 \| ok/);
  });

  it.each([
    ["dlq re", ["dlq redrive", "dlq redrives"]],
    ["dlq list --k", ["dlq list --kind", "dlq list --key"]],
    ["dlq list --kind ", ["dlq list --kind command", "dlq list --kind event"]],
    ["dlq list --status o", ["dlq list --status open"]],
    ["hub orders --status PA", ["hub orders --status PAID", "hub orders --status PAYMENT_FAILED"]],
    ["hub n", ["hub nudge"]],
    ["outbox ", ["outbox --limit"]],
    ["replay d", ["replay dashboard"]],
    ["replay dashboard ", ["replay dashboard --from"]],
  ])("completes %j", (line, lines) => {
    expect(completions(line)).toEqual(lines);
  });

  it("leaves the completion of other lines alone", () => {
    expect(completions("hub")).toBeNull();
    expect(completions("call orders")).toBeNull();
  });

  it("tells in its help what each command can do", () => {
    const help = (replCommands as ReplCommand[]).map(({ description }) => description).join("\n");
    for (const form of [
      "hub status",
      "hub orders",
      "hub trace",
      "hub nudge",
      "dlq list",
      "dlq show",
      "dlq redrive",
      "replay <projection>",
      "audit verify",
    ])
      expect(help).toContain(form);
  });
});
