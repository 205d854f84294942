import type { Problem } from "../support/client";
import { startHub, type TestHub } from "../support/hub";
import { signUp } from "../support/people";
import { connectSocket } from "../support/socket";
import { waitFor } from "../support/wait";

let hub: TestHub;

beforeAll(async () => {
  hub = await startHub({ JWT_ACCESS_TTL: "2", JWT_REFRESH_TTL: "3" });
});
afterAll(() => hub?.stop());

test("tokens end when their time is over, and so do the sockets that they opened", async () => {
  const { client, session } = await signUp(hub.guest);
  expect(session.expiresIn).toBe(2);
  const socket = await connectSocket(hub.url, { token: session.accessToken });
  try {
    const expired = await waitFor(async () => {
      const answer = await client.get<Problem>("/api/auth/me");
      return answer.status === 401 && answer;
    });
    expect(expired.body.code).toBe("TOKEN_EXPIRED");
    await waitFor(() => socket.ended);
    expect(socket.closing).toEqual([{ code: "TOKEN_EXPIRED" }]);

    const refused = await connectSocket(hub.url, { token: session.accessToken });
    expect(refused.refused).toBe("TOKEN_EXPIRED");

    const late = await waitFor(async () => {
      const answer = await hub.guest.post("/api/auth/refresh", { refreshToken: "gone.gone" });
      return answer.status === 401 && answer;
    });
    expect(late.body.code).toBe("TOKEN_INVALID");
  } finally {
    socket.close();
  }
});

test("a refresh token that was not used in time is refused", async () => {
  const { session } = await signUp(hub.guest);
  const end = Date.now() + 3_100;
  await waitFor(() => Date.now() > end);
  const { status, body } = await hub.guest.post("/api/auth/refresh", { refreshToken: session.refreshToken });
  expect([status, body.code]).toEqual([401, "TOKEN_EXPIRED"]);
});
