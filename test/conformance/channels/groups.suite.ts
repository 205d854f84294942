import { DEAD_LETTERS, HEADERS, type Delivery } from "../../../channels/types";
import type { DeadLetter } from "../../../contracts/dead-letter";
import { PermanentError } from "../../../contracts/errors";
import { ascending, gate, numberOf, numbers, type Harness } from "./harness";
import type { HubNode } from "./hub-node";
import type { Use } from "./channels.suite";

/** Each group gets everything, each of its messages goes to one member, and nobody takes any along. */
export function groupConformance(use: Use): void {
  const publish = (hub: Harness, node: HubNode, from: number, count: number) =>
    Promise.all(
      numbers(count).map((n) => node.publish(hub.channel, { n: from + n }, { key: `k${(from + n) % 16}` })),
    );

  it("gives everything to each of several groups", async () => {
    const hub = use();
    if (hub.kit.kind !== "event") return;
    const got = numbers(3).map(() => [] as number[]);
    const node = await hub.node(
      ...got.map((own) => ({
        group: hub.group(),
        channel: hub.channel,
        handler: (payload: unknown) => void own.push(numberOf(payload)),
      })),
    );

    await publish(hub, node, 0, 100);

    await hub.until(() => got.every((own) => own.length >= 100));
    for (const own of got) expect(ascending(own)).toEqual(numbers(100));
  });

  it("shares a group's messages among its members, each message once", async () => {
    const hub = use();
    const group = hub.group();
    const got: number[][] = [[], []];
    const members: HubNode[] = [];
    for (const own of got) {
      const handler = async (payload: unknown) => {
        own.push(numberOf(payload));
        await new Promise((resolve) => setTimeout(resolve, 1));
      };
      members.push(await hub.node({ group, channel: hub.channel, handler, maxInFlight: 4 }));
    }
    let published = 0;
    await hub.until(async () => {
      // A new member may need a while to get its share.
      await publish(hub, members[0], published, 100);
      published += 100;
      return got.every((own) => own.length > 0);
    });

    await hub.until(() => got.flat().length >= published);
    expect(ascending(new Set(got.flat()))).toEqual(numbers(published));
    // A rebalance may repeat what was not acknowledged before it; otherwise each comes once.
    if (!hub.kit.blocksPartition) expect(got.flat()).toHaveLength(published);
  });

  it("gives what a member that leaves did not finish to the others", async () => {
    const hub = use();
    const group = hub.group();
    const done = new Set<number>();
    const door = gate();
    const stuck = async (payload: unknown) => {
      await door.opened;
      done.add(numberOf(payload));
    };
    const slow = { group, channel: hub.channel, handler: stuck, maxInFlight: 4 };
    const leaving = await hub.node(slow);
    await publish(hub, leaving, 0, 50);

    const left = hub.stop(leaving);
    const handler = (payload: unknown) => void done.add(numberOf(payload));
    await hub.node({ group, channel: hub.channel, handler });
    door.open();
    await left;

    await hub.until(() => done.size === 50);
  });

  it("delivers a redriven message to its group alone", async () => {
    const hub = use();
    if (hub.kit.kind !== "event") return;
    const [first, second] = [hub.group(), hub.group()];
    const got: string[] = [];
    const handler = (payload: unknown, { group }: Delivery) => void got.push(`${group} ${numberOf(payload)}`);
    const node = await hub.node(
      { group: first, channel: hub.channel, handler },
      { group: second, channel: hub.channel, handler },
    );

    await node.publish(hub.channel, { n: 0 }, { key: "k", headers: { [HEADERS.onlyGroup]: second } });
    await node.publish(hub.channel, { n: 1 }, { key: "k" });

    await hub.until(() => got.length >= 3);
    expect([...got].sort()).toEqual([`${first} 1`, `${second} 0`, `${second} 1`].sort());
  });

  it("files a redriven message that fails again, whatever group it was for", async () => {
    const hub = use();
    const group = hub.group();
    const filed: DeadLetter[] = [];
    const fails = () => {
      throw new PermanentError("NO_SUCH_PLAN", "the plan is gone");
    };
    const file = (payload: unknown) => {
      const letter = payload as DeadLetter;
      if (letter.channel === hub.channel) filed.push(letter);
    };
    const node = await hub.node(
      { group, channel: hub.channel, handler: fails },
      { group: hub.group(), channel: DEAD_LETTERS, handler: file },
    );

    await node.publish(hub.channel, { n: 0 }, { key: "k", headers: { [HEADERS.onlyGroup]: group } });

    await hub.until(() => filed.length === 1);
    expect(filed).toMatchObject([{ service: group, reason: "NO_SUCH_PLAN", payload: { n: 0 } }]);
  });

  it("starts a new group at the oldest message", async () => {
    const hub = use();
    const writer = await hub.node();
    await publish(hub, writer, 0, 30);
    const got = new Set<number>();
    const handler = (payload: unknown) => void got.add(numberOf(payload));

    await hub.node({ group: hub.group(), channel: hub.channel, handler });

    await hub.until(() => got.size === 30);
  });

  it("goes on where the group was when its last member comes back", async () => {
    const hub = use();
    const group = hub.group();
    const got: number[] = [];
    const handler = (payload: unknown) => void got.push(numberOf(payload));
    const before = await hub.node({ group, channel: hub.channel, handler });
    await publish(hub, before, 0, 20);
    await hub.until(() => got.length === 20);
    await hub.stop(before);

    const writer = await hub.node();
    await publish(hub, writer, 20, 20);
    await hub.node({ group, channel: hub.channel, handler });

    await hub.until(() => new Set(got).size === 40);
    expect(ascending(got)).toEqual(numbers(40));
  });
}
