import { Client, type Answer } from "./client";

type Fields = Record<string, string>;

/**
 * What nginx does in front of the gateways (deploy/nginx): in turn, and when a connection fails, the next
 * one. A request that may be repeated only with an `Idempotency-Key` should carry one.
 */
export class Balancer extends Client {
  private turn = 0;

  constructor(
    private readonly urls: () => string[],
    token?: string,
  ) {
    super(urls()[0] ?? "", token);
  }

  override as(token: string | undefined): Balancer {
    return new Balancer(this.urls, token);
  }

  override async send<T>(
    method: string,
    path: string,
    text: string | undefined,
    headers: Fields = {},
  ): Promise<Answer<T>> {
    const urls = this.urls();
    const first = this.turn++;
    let failure: unknown = new Error("There is no gateway.");
    for (const at of urls.keys()) {
      const url = urls[(first + at) % urls.length] ?? "";
      try {
        return await new Client(url, this.token).send<T>(method, path, text, headers);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}
