import { generateKeyPairSync } from "node:crypto";
import jwt from "jsonwebtoken";
import { makePrivateKey, TokenSigner, TokenVerifier } from "../../../mixins/http/tokens";

const claims = { sub: "u1", role: "user", sid: "s1", ver: 1 } as const;
const signer = new TokenSigner(makePrivateKey(), 60);
const verifierOf = (...signers: TokenSigner[]) =>
  new TokenVerifier(async () => signers.map(({ jwk }) => jwk));
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "fine",
    (error: { code?: string }) => error.code,
  );

test("a token that was signed here says what it said", async () => {
  const token = signer.sign(claims);
  expect(await verifierOf(signer).verify(token)).toMatchObject(claims);
});

test("the key's id is its thumbprint: the same for the same key, another for another", () => {
  const pem = makePrivateKey();
  expect(new TokenSigner(pem, 60).jwk).toEqual(new TokenSigner(pem, 1).jwk);
  expect(new TokenSigner(makePrivateKey(), 60).jwk.kid).not.toBe(signer.jwk.kid);
  expect(signer.jwk).not.toHaveProperty("d");
});

test("a token of another hub is not valid, also under the id of our key", async () => {
  const stranger = new TokenSigner(makePrivateKey(), 60);
  expect(await code(verifierOf(signer).verify(stranger.sign(claims)))).toBe("TOKEN_INVALID");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const options = {
    algorithm: "ES256",
    keyid: signer.jwk.kid,
    issuer: "subscription-hub",
    expiresIn: 60,
  } as const;
  expect(await code(verifierOf(signer).verify(jwt.sign(claims, privateKey, options)))).toBe("TOKEN_INVALID");
});

test("a token that our public key was made the password of is not valid", async () => {
  const secret = JSON.stringify(signer.jwk);
  const forged = jwt.sign(claims, secret, {
    algorithm: "HS256",
    keyid: signer.jwk.kid,
    issuer: "subscription-hub",
  });
  expect(await code(verifierOf(signer).verify(forged))).toBe("TOKEN_INVALID");
});

test.each(["", "none", '{"typ":"JWT","alg":"ES256"}', '{"typ":"JWT"', "null"])(
  "a made-up token is not valid: %j, and a payload that is no JSON",
  async (header) => {
    const made = [header, "no JSON", "x"].map((part) => Buffer.from(part).toString("base64url")).join(".");
    expect(await code(verifierOf(signer).verify(made))).toBe("TOKEN_INVALID");
  },
);

test("a token expires, also one that is remembered", async () => {
  const short = new TokenSigner(makePrivateKey(), 1);
  const verifier = verifierOf(short);
  const token = short.sign(claims);
  await verifier.verify(token);
  const now = jest.spyOn(Date, "now").mockReturnValue(Date.now() + 2_000);
  try {
    expect(await code(verifier.verify(token))).toBe("TOKEN_EXPIRED");
    expect(await code(verifierOf(short).verify(token))).toBe("TOKEN_EXPIRED");
  } finally {
    now.mockRestore();
  }
});

test("a flood of unknown keys is not one of look-ups", async () => {
  let asked = 0;
  const verifier = new TokenVerifier(async () => {
    asked++;
    return [signer.jwk];
  });
  await verifier.verify(signer.sign(claims));
  const stranger = new TokenSigner(makePrivateKey(), 60);
  await Promise.all(Array.from({ length: 50 }, () => code(verifier.verify(stranger.sign(claims)))));
  expect(asked).toBeLessThanOrEqual(2);
});
