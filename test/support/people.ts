import { randomUUID } from "node:crypto";
import type { Client, Session } from "./client";

/** Somebody with an account, signed in. */
export interface Person {
  id: string;
  email: string;
  password: string;
  session: Session;
  client: Client;
}

interface Credentials {
  email: string;
  password: string;
}

async function open(client: Client, path: string, body: Credentials, wanted: number): Promise<Person> {
  const { status, body: session } = await client.post<Session>(path, body);
  if (status !== wanted) throw new Error(`POST ${path}: ${status} ${JSON.stringify(session)}`);
  return { ...body, id: session.user.id, session, client: client.as(session.accessToken) };
}

/** Signs somebody up, under an address that nobody else has. */
export const signUp = (client: Client, own: Partial<Credentials & { name: string }> = {}): Promise<Person> =>
  open(
    client,
    "/api/auth/register",
    { email: `${randomUUID()}@people.test`, password: "a good password", ...own },
    201,
  );

export const signIn = (client: Client, { email, password }: Credentials): Promise<Person> =>
  open(client, "/api/auth/login", { email, password }, 200);
