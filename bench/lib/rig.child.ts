import { AT_ONCE, messages, type Rig } from "./rig";

/** One measurement in a process of its own: `rig.child.ts MODULE COUNT`; prints rates as JSON. */
async function main([module = "", count = "0"]: string[]): Promise<void> {
  const { open } = (await import(module)) as { open(): Promise<Rig> };
  const rig = await open();
  const warmUp = messages(2_000);
  const all = messages(Number(count));
  for (let i = 0; i < warmUp.length; i += AT_ONCE) await rig.publish(warmUp.slice(i, i + AT_ONCE));

  let from = performance.now();
  for (let i = 0; i < all.length; i += AT_ONCE) await rig.publish(all.slice(i, i + AT_ONCE));
  const publish = (all.length / (performance.now() - from)) * 1_000;

  let seen = 0;
  const consume = await new Promise<number>((resolve, reject) => {
    rig
      .consume((n) => {
        seen += n;
        // The clock starts after the warm-up messages: joining a group takes its time for everybody.
        if (seen - n < warmUp.length && seen >= warmUp.length) from = performance.now();
        if (seen >= warmUp.length + all.length) resolve((all.length / (performance.now() - from)) * 1_000);
      })
      .catch(reject);
  });
  await rig.close();
  process.stdout.write(JSON.stringify({ publish, consume }));
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
