import { once } from "node:events";
import { connect } from "node:net";
import { io } from "socket.io-client";
import { startHub, type TestHub } from "../support/hub";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

const drain = ({ broker }: TestHub): Promise<void> =>
  (broker.getLocalService("api") as unknown as { drain(): Promise<void> }).drain();

test.each(["websocket", "polling"])(
  "a gateway that stops leaves its %s clients to come back",
  async (transport) => {
    const hub = await startHub();
    try {
      const { session } = await signUp(hub.guest);
      const options = { auth: { token: session.accessToken }, transports: [transport], forceNew: true };
      const socket = io(hub.url, options);
      await waitFor(() => socket.connected);
      const gone = new Promise((resolve) => socket.once("disconnect", resolve));
      const closing = jest.fn();
      socket.on("closing", closing);
      await drain(hub);
      expect(["transport close", "transport error"]).toContain(await gone);
      expect(closing).not.toHaveBeenCalled();
      expect(socket.active).toBe(true);
      socket.close();
    } finally {
      await hub.stop();
    }
  },
);

test("a gateway that stops ends each kept connection with the request that is under way", async () => {
  const hub = await startHub();
  const socket = connect(Number(new URL(hub.url).port), "127.0.0.1");
  try {
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => (received += text));
    const body = JSON.stringify({ email: "nobody@example.com", password: "not a password" });
    const head = `POST /api/auth/login HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n`;
    const keep = `GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n`;
    socket.write(keep);
    await waitFor(() => received.includes("ok"));
    expect(received).toMatch(/connection: keep-alive/i);

    received = "";
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`);
    await waitFor(() => hub.broker.hub.requests.underWay > 0);
    const drained = drain(hub);
    const ended = once(socket, "end");
    socket.write(body.slice(5));
    await Promise.all([ended, drained]);
    expect(received).toMatch(/^HTTP\/1.1 401/);
    expect(received).toMatch(/connection: close/i);
  } finally {
    socket.destroy();
    await hub.stop();
  }
});
