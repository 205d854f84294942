import type { ServiceBroker } from "moleculer";

/** Messages that each consumer group of this node has not done yet, on all its channels. */
export async function lagByGroup({
  commandsAdapter,
  eventsAdapter,
}: ServiceBroker): Promise<Map<string, number>> {
  const both = await Promise.all([commandsAdapter.lag(), eventsAdapter.lag()]);
  const sums = new Map<string, number>();
  for (const { group, lag } of both.flat()) sums.set(group, (sums.get(group) ?? 0) + lag);
  return sums;
}

/** The action by which a service that consumes tells nodes without it how much it still has to do. */
export const lagAction = (broker: ServiceBroker, service: string) => ({
  visibility: "public" as const,
  handler: async (): Promise<number> => (await lagByGroup(broker)).get(service) ?? 0,
});

/** The lag of each service of the mesh; one that does not answer is left out. */
export async function lagOfMesh(broker: ServiceBroker): Promise<Record<string, number>> {
  const actions = broker.registry.getActionList({ onlyAvailable: true }) as unknown as { name: string }[];
  const services = actions.flatMap(({ name }) =>
    name.endsWith(".lag") ? [name.slice(0, -".lag".length)] : [],
  );
  const told = await Promise.all(
    services.map(async (service) => {
      const lag = await broker.call<number>(`${service}.lag`).catch(() => null);
      return lag === null ? [] : [[service, lag] as const];
    }),
  );
  return Object.fromEntries(told.flat());
}
