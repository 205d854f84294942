import { connect } from "amqplib";
import mongoose from "mongoose";
import { serve } from "./http";

/** By hand: `node:http`, the token check, one MongoDB insert and one confirmed publish for each request. */
const QUEUE = `bench.bare.${process.pid}`;

async function main(): Promise<void> {
  const mongo = await mongoose.createConnection(process.env.MONGO_URL ?? "").asPromise();
  const orders = mongo.collection("bare_orders");
  const connection = await connect(process.env.COMMANDS_URL ?? "", { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const options = { durable: true, autoDelete: true, arguments: { "x-expires": 600_000 } };
  await channel.assertQueue(QUEUE, { ...options, autoDelete: false });

  serve(async (order) => {
    await orders.insertOne({ ...order });
    await new Promise<void>((resolve, reject) => {
      channel.sendToQueue(
        QUEUE,
        Buffer.from(JSON.stringify(order)),
        { persistent: true },
        (error: unknown) => (error ? reject(error as Error) : resolve()),
      );
    });
  });
}

void main();
