import { io } from "socket.io-client";
import { startHub } from "../support/hub";
import { signUp } from "../support/people";
import { waitFor } from "../support/wait";

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
      await (hub.broker.getLocalService("api") as unknown as { drain(): Promise<void> }).drain();
      expect(["transport close", "transport error"]).toContain(await gone);
      expect(closing).not.toHaveBeenCalled();
      expect(socket.active).toBe(true);
      socket.close();
    } finally {
      await hub.stop();
    }
  },
);
