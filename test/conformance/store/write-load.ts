/**
 * A child process that writes until it is killed, and prints the ids that the store acknowledged:
 * `{"inserted": [ids], "updated": [ids]}`, a line for each round. Arguments: data folder, MongoDB URL or "".
 */
import { openDatabase } from "../../../store";

async function main(): Promise<void> {
  const [dataDir, mongoUrl] = process.argv.slice(2);
  const database = await openDatabase({ dataDir, mongoUrl: mongoUrl || undefined });
  const store = database.adapter({ name: "load", indexes: [{ fields: ["n"] }] });
  await store.connect();
  for (let round = 0; ; round++) {
    const ids = Array.from({ length: 20 }, (_, n) => `d${round}-${n}`);
    await Promise.all(
      ids.map((_id) => store.insert({ _id, n: 0, padding: "x".repeat(500) } as { _id: string })),
    );
    const answers = await store.updateEach(
      ids.map((_id) => ({ query: { _id }, update: { $inc: { n: 1 } } })),
    );
    const updated = ids.filter((_id, at) => answers[at]);
    process.stdout.write(`${JSON.stringify({ inserted: ids, updated })}\n`);
  }
}

void main();
