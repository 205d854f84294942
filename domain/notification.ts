import type { HubEvent } from "../contracts/events";
import { derivedIdOf } from "../contracts/ids";
import { formatMoney } from "./money";

/** What a user is told; `type` is the type of the event it tells of. */
export interface Notice {
  id: string;
  userId: string;
  type: string;
  orderId: string;
  title: string;
  body: string;
}

/** A notification as a browser gets it; `createdAt` is ISO 8601. */
export type LiveNotification = Omit<Notice, "userId"> & { createdAt: string };

/** A notification on its way to its user's sockets. */
export interface Told {
  userId: string;
  notification: LiveNotification;
  /** It may have been told before: a consumer got its event a second time. */
  again: boolean;
  /** The `traceparent` of the event that it tells of, where that is traced. */
  trace?: string;
}

/** The same event, recipient and channel give the same id: told once. */
export const noticeId = (eventId: string, userId: string, channel: string): string =>
  derivedIdOf(eventId, "notification", userId, channel);

/** What an event tells its user, or null when it is not for people. */
export function noticeOf(event: HubEvent): Notice | null {
  const text = wording(event);
  if (!text || !("orderId" in event.data) || !("userId" in event.data)) return null;
  const { orderId, userId } = event.data;
  return { id: noticeId(event.eventId, userId, "browser"), userId, type: event.eventType, orderId, ...text };
}

function wording(event: HubEvent): { title: string; body: string } | null {
  switch (event.eventType) {
    case "PaymentProcessed":
      return {
        title: "Payment received",
        body: `We charged ${formatMoney(event.data)}.`,
      };
    case "PaymentFailed":
      if (event.data.reason === "CANCELLED") return null;
      return {
        title: "Payment declined",
        body: `${declined(event.data.reason)} Nothing was taken.`,
      };
    case "PaymentRefunded":
      return {
        title: "Money refunded",
        body: `${formatMoney(event.data)} went back to you.`,
      };
    case "SubscriptionActivated":
      return {
        title: "Subscription active",
        body: `The plan ${event.data.planId} is yours from now on, with ${seats(event.data.quantity)}.`,
      };
    case "OrderCancelled":
      return { title: "Order cancelled", body: CANCELLED[event.data.reason] ?? "The order was cancelled." };
    case "OrderRejected":
      return {
        title: "Order rejected",
        body: "The order did not pass the fraud check. Nothing was charged.",
      };
    default:
      return null;
  }
}

const seats = (quantity: number): string => (quantity === 1 ? "1 seat" : `${quantity} seats`);

/** A provider's reason in words; one that is not known here is at least no code. */
const declined = (reason: string): string =>
  DECLINED[reason] ?? `The charge was declined: ${reason.replaceAll("_", " ")}.`;

const DECLINED: Record<string, string> = {
  card_declined: "The bank declined the card.",
  insufficient_funds: "There was not enough money.",
  expired_card: "The card has expired.",
};

const CANCELLED: Record<string, string> = {
  OUT_OF_STOCK: "There were not enough seats left. A charge, if one was made, is refunded.",
  CANCELLED_BY_USER: "You cancelled it. A charge, if one was made, is refunded.",
  CANCELLED_BY_ADMIN: "An administrator cancelled it. A charge, if one was made, is refunded.",
};
