import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import nodemailer from "nodemailer";
import type { Config } from "../config";
import { PermanentError, TransientError } from "../contracts/errors";

export const DELIVERY_CHANNELS = ["email", "sms", "push", "webhook"] as const;
export type DeliveryChannel = (typeof DELIVERY_CHANNELS)[number];

interface Content {
  id: string;
  type: string;
  orderId: string;
  title: string;
  body: string;
  createdAt: string;
}

/** Sends one notification to one address. @throws TransientError or PermanentError */
export type Deliver = (to: string, content: Content) => Promise<void>;

const WEBHOOK_TIMEOUT_MS = 5_000;

/** The channels beyond the browser: mail by SMTP, webhooks by HTTP; for SMS and push no gateway is built in. */
export function openDeliveries(config: Config): Record<DeliveryChannel, Deliver> {
  const none =
    (channel: string): Deliver =>
    () =>
      Promise.reject(new PermanentError("NO_GATEWAY", `There is no gateway for ${channel}.`));
  return {
    email: config.SMTP_URL ? email(config.SMTP_URL) : none("email (SMTP_URL is not set)"),
    sms: none("sms"),
    push: none("push"),
    webhook: webhook(config.WEBHOOK_ALLOW_PRIVATE),
  };
}

function email(url: string): Deliver {
  const transport = nodemailer.createTransport(url, { from: "Subscription Hub <no-reply@hub.local>" });
  return async (to, { id, title, body, orderId }) => {
    try {
      await transport.sendMail({
        to,
        subject: title,
        text: `${body}\n\nOrder ${orderId}`,
        messageId: `<${id}@hub.local>`,
      });
    } catch (error) {
      // What the server says may name the address, and the reason travels in an event that is kept for ever.
      const { responseCode = 0, code = "unknown" } = error as { responseCode?: number; code?: string };
      if (responseCode >= 500)
        throw new PermanentError("MAIL_REFUSED", `The mail server answered ${responseCode}.`);
      const why = responseCode > 0 ? `The mail server answered ${responseCode}` : `No mail server: ${code}`;
      throw new TransientError("MAIL_NOT_SENT", `${why}.`);
    }
  };
}

/** Posts the notification as JSON. A receiver sees the same `Idempotency-Key` when it comes again. */
function webhook(allowPrivate: boolean): Deliver {
  return async (to, content) => {
    const url = new URL(to);
    const addresses = allowPrivate ? null : await publicAddresses(url);
    const status = await post(url, content, addresses).catch((error: Error) => {
      throw notReached(error);
    });
    if (status >= 200 && status < 300) return;
    const message = `The webhook answered ${status}.`;
    if (status >= 500 || status === 429) throw new TransientError("WEBHOOK_FAILED", message);
    throw new PermanentError("WEBHOOK_REFUSED", message);
  };
}

/**
 * The status that a POST is answered with; redirects are not followed. `addresses` are those that were checked:
 * asked once more, the name might have others.
 */
function post(to: URL, content: Content, addresses: LookupAddress[] | null): Promise<number> {
  const { request } = to.protocol === "https:" ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(to, {
      method: "POST",
      // A connection of its own: a shared one might have been opened without a check.
      agent: false,
      headers: { "content-type": "application/json", "idempotency-key": content.id },
      signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
      ...(addresses && { lookup: answering(addresses) }),
    });
    sent.on("error", reject).once("response", (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    sent.end(JSON.stringify(content));
  });
}

/** A lookup whose answer is known. */
const answering =
  (addresses: LookupAddress[]): LookupFunction =>
  (_name, { all }, done) => {
    const [{ address, family } = { address: "", family: 0 }] = addresses;
    process.nextTick(() => (all ? done(null, addresses) : done(null, address, family)));
  };

/** Its message may name the user's own server: only its code goes further. */
function notReached(error: Error): TransientError {
  const { code, name } = (error.cause ?? error) as { code?: unknown; name: string };
  const why = typeof code === "string" ? code : name;
  return new TransientError("WEBHOOK_NOT_REACHED", `The webhook was not reached: ${why}.`);
}

function netsOf(...nets: string[]): BlockList {
  const list = new BlockList();
  for (const net of nets) {
    const [address = "", bits] = net.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/**
 * The addresses of the whole internet: of IPv6 IANA has given out no others
 * (https://www.iana.org/assignments/ipv6-unicast-address-assignments). NAT64's, which have an IPv4 address in
 * them, are not among them; a mapped one (`::ffff:10.0.0.1`) is taken for the IPv4 address that it is.
 */
const GLOBAL = netsOf("0.0.0.0/0", "2000::/3");

/**
 * What of it leads elsewhere, or nowhere: https://www.iana.org/assignments/iana-ipv4-special-registry,
 * https://www.iana.org/assignments/iana-ipv6-special-registry, and multicast. The few addresses in 192.0.0.0/24
 * and 2001::/23 that are global serve no web page.
 */
const SPECIAL = netsOf(
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"],
  ...["198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
  ...["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"],
);

const isPublic = ({ address, family }: LookupAddress): boolean => {
  const type = family === 6 ? "ipv6" : "ipv4";
  return GLOBAL.check(address, type) && !SPECIAL.check(address, type);
};

/** A webhook's addresses: a user's must not reach into the network that the hub stands in. */
async function publicAddresses({ hostname, protocol }: URL): Promise<LookupAddress[]> {
  if (protocol !== "https:" && protocol !== "http:")
    throw new PermanentError("WEBHOOK_REFUSED", "A webhook is http or https.");
  const host = hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host)
    ? [{ address: host, family: isIP(host) }]
    : await lookup(host, { all: true }).catch((error: Error) => {
        throw notReached(error);
      });
  if (!addresses.every(isPublic))
    throw new PermanentError("WEBHOOK_PRIVATE", "The webhook's address is in a private network.");
  return addresses;
}
