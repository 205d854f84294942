// node mongo-primary.mjs PORT: initiates the replica set when there is none, and waits for a writable primary.
import mongoose from "mongoose";

const port = process.argv[2];
const deadline = Date.now() + 40_000;
const client = new mongoose.mongo.MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
  serverSelectionTimeoutMS: 10_000,
});

try {
  const admin = client.db("admin");
  let hello = await admin.command({ hello: 1 });
  if (!hello.setName) {
    const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
    await admin.command({ replSetInitiate: { _id: "rs0", members } }).catch((error) => {
      if (error.codeName !== "AlreadyInitialized") throw error; // it was still reading its configuration
    });
  }
  while (!hello.isWritablePrimary) {
    if (Date.now() > deadline) throw new Error("no writable primary in 40 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
    hello = await admin.command({ hello: 1 });
  }
} catch (error) {
  process.stderr.write(`mongo: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await client.close();
}
