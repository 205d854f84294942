import type { Context } from "moleculer";
import { PageQuery, Preferences } from "../contracts/api";
import type { CommandOf } from "../contracts/commands";
import { BadCursorError, NotFoundError, isRetryable } from "../contracts/errors";
import type { HubEvent } from "../contracts/events";
import { noticeId, noticeOf, type LiveNotification, type Notice, type Told } from "../domain/notification";
import type { Draft } from "../domain/types";
import { aggregates, Aggregates, causeOfMessage, type Change } from "../mixins/persistence/aggregates";
import { defineService } from "../mixins/define-service";
import { oldestFirst } from "../mixins/persistence/paging";
import { Positions } from "../mixins/persistence/positions";
import { answer, bodyOf, callerOf, idOf, queryOf, type HttpContext } from "../mixins/http/request";
import { DELIVERY_CHANNELS, openDeliveries, type DeliveryChannel } from "../providers/deliveries";
import type { Document } from "../store/types";

/** One notification of one user on one channel. */
interface Notification extends Omit<Notice, "id"> {
  _id: string;
  channel: "browser" | DeliveryChannel;
  correlationId: string;
  createdAt: string;
  read: boolean;
  /** Counts upwards; the order in which a user's notifications are told. */
  position: number;
  delivery?: "pending" | "sent" | "failed";
}

type Settings = Document & Preferences;

const view = ({ _id: id, type, orderId, title, body, createdAt, read }: Notification) => ({
  id,
  type,
  orderId,
  title,
  body,
  createdAt,
  read,
});

/** Each user's notifications, and their delivery in the browser and beyond. */
export default defineService(({ broker, config, database, tracing }) => {
  const notifications = new Aggregates<Notification>(broker, "notifications", {
    name: "notifications",
    indexes: [{ fields: ["userId", "channel", "position"] }],
  });
  const preferences = database.adapter<Settings>({ name: "notification_preferences" });
  const deliveries = openDeliveries(config);
  const positions = new Positions();

  const sent = ({ _id: notificationId, userId, orderId, type, channel }: Notification): Draft => ({
    event: "NotificationSent",
    data: { notificationId, userId, orderId, type, channel },
  });

  const toDeliver = (
    { _id: notificationId, userId, orderId }: Notification,
    channel: DeliveryChannel,
  ): Draft => ({
    command: "notifications.deliver",
    data: { notificationId, userId, orderId, channel },
  });

  let lastTold: Promise<void> = Promise.resolve();

  /** Stores what events tell their users, and hands it to their sockets: one batch after the other, as they began. */
  async function tell(events: HubEvent[]): Promise<void> {
    const storing = keep(events);
    const told = Promise.allSettled([storing, lastTold]).then(([stored]) => {
      if (stored.status === "fulfilled" && stored.value.length > 0)
        void broker.broadcast("notifications.told", stored.value);
    });
    lastTold = told;
    if ((await storing).length > 0) await told;
  }

  /**
   * Stores what each event tells its user, for the browser and for each channel that the user chose.
   * @returns what is for the browser, in the order of the lists
   */
  async function keep(events: HubEvent[]): Promise<Told[]> {
    const notices = events.flatMap((event) => {
      const notice = noticeOf(event);
      return notice ? [{ event, notice }] : [];
    });
    if (notices.length === 0) return [];
    const chosen = new Map(
      (await preferences.findByIds([...new Set(notices.map(({ notice }) => notice.userId))])).map((p) => [
        p._id,
        p,
      ]),
    );
    const fresh = new Set<string>();
    const changes = notices.flatMap(({ event, notice: { id: browserId, ...notice } }) => {
      const cause = causeOfMessage(event);
      const wanted = DELIVERY_CHANNELS.filter((channel) => chosen.get(notice.userId)?.[channel]);
      return (["browser", ...wanted] as const).map((channel): Change<Notification> => {
        const id = channel === "browser" ? browserId : noticeId(event.eventId, notice.userId, channel);
        return {
          id,
          cause,
          isNew: true,
          decide: (known, now) => {
            if (known) {
              fresh.delete(id);
              return null;
            }
            fresh.add(id);
            const state: Notification = {
              _id: id,
              ...notice,
              channel,
              correlationId: event.correlationId,
              createdAt: now.at,
              // What goes out is not in the list, so nobody reads it there.
              read: channel !== "browser",
              position: positions.next(),
              ...(channel !== "browser" && { delivery: "pending" }),
            };
            return { state, messages: [channel === "browser" ? sent(state) : toDeliver(state, channel)] };
          },
        };
      });
    });
    const stored = await notifications.changeEach(changes);
    // One that was stored before is told again too: the node that stored it may have died before it could.
    const kept = stored.flatMap((notification, i) =>
      notification?.channel === "browser" ? [{ notification, cause: changes[i]!.cause }] : [],
    );
    kept.sort((a, b) => a.notification.position - b.notification.position);
    return kept.map(({ notification, cause }) => {
      const trace = tracing?.of("notifications", cause.id);
      const again = !fresh.has(notification._id);
      return {
        userId: notification.userId,
        notification: wire(notification),
        again,
        ...(trace && { trace }),
      };
    });
  }

  const wire = (notification: Notification): LiveNotification => {
    const { read: _read, ...rest } = view(notification);
    return rest;
  };

  /** Sends one notification on one channel; an address that went meanwhile is no error. */
  async function deliver(command: CommandOf<"notifications.deliver">): Promise<void> {
    const { data } = command;
    const notification = await notifications.get(data.notificationId);
    const to = (await preferences.findById(data.userId))?.[data.channel];
    if (!notification || notification.delivery !== "pending" || !to) return;
    const reason = await deliveries[data.channel](to, wire(notification)).then(
      () => null,
      (error: Error) => {
        if (isRetryable(error)) throw error;
        return error.message;
      },
    );
    await notifications.change(notification._id, causeOfMessage(command), (state) => {
      if (state?.delivery !== "pending") return null;
      const { _id: notificationId, userId, orderId, type, channel } = state;
      if (reason === null) return { state: { ...state, delivery: "sent" }, messages: [sent(state)] };
      const failed: Draft = {
        event: "NotificationFailed",
        data: { notificationId, userId, orderId, type, channel, reason },
      };
      return { state: { ...state, delivery: "failed" }, messages: [failed] };
    });
  }

  /** Erases what is known of a deleted user. */
  async function erase(events: HubEvent[]): Promise<void> {
    const gone = events.flatMap((event) => (event.eventType === "UserDeleted" ? [event.data.userId] : []));
    if (gone.length === 0) return;
    await preferences.removeMany({ _id: { $in: gone } });
    await notifications.adapter.removeMany({ userId: { $in: gone } });
  }

  const mine = (ctx: HttpContext) => ({ userId: callerOf(ctx).id, channel: "browser" });
  const consume = { batch: 256, maxInFlight: 1024, handler: tell };

  return {
    name: "notifications",
    mixins: [aggregates(notifications, [], [preferences])],
    actions: {
      list: async (ctx: HttpContext) => {
        const page = await oldestFirst(notifications.adapter, mine(ctx), queryOf(ctx, PageQuery));
        return { ...page, items: page.items.map(view) };
      },
      read: async (ctx: HttpContext) => {
        const _id = idOf(ctx);
        const known = await notifications.adapter.findOne({ ...mine(ctx), _id });
        if (!known) throw new NotFoundError("notification");
        await notifications.adapter.updateEach([{ query: { _id }, update: { $set: { read: true } } }]);
        return answer(ctx, 204, null);
      },
      preferences: async (ctx: HttpContext) => {
        const { email, sms, push, webhook } = (await preferences.findById(callerOf(ctx).id)) ?? {};
        return { email: email ?? null, sms: sms ?? null, push: push ?? null, webhook: webhook ?? null };
      },
      setPreferences: async (ctx: HttpContext) => {
        const { email = null, sms = null, push = null, webhook = null } = bodyOf(ctx, Preferences);
        const chosen = { email, sms, push, webhook };
        const _id = callerOf(ctx).id;
        await preferences.insertEach([{ _id, ...chosen }]);
        await preferences.updateEach([{ query: { _id }, update: { $set: chosen } }]);
        return chosen;
      },

      /** What a user was told after a notification, oldest first; for sockets that come back. */
      since: {
        visibility: "public",
        handler: async (ctx: Context<{ userId: string; after: string; limit: number }>) => {
          const { userId, after, limit } = ctx.params;
          const last = await notifications.adapter.findOne({ _id: after, userId });
          if (!last) throw new BadCursorError();
          const query = { userId, channel: "browser", position: { $gt: last.position } };
          return (await notifications.adapter.find({ query, sort: "position", limit })).map(wire);
        },
      },
    },
    domainEvents: {
      "hub.orders": consume,
      "hub.payments": consume,
      "hub.inventory": consume,
      "hub.users": { batch: 64, maxInFlight: 256, handler: erase },
    },
    commands: {
      "notifications.deliver": {
        batch: 32,
        maxInFlight: 128,
        handler: async (commands: CommandOf<"notifications.deliver">[]) =>
          commands.map((command) =>
            deliver(command).then(
              () => null,
              (error: Error) => error,
            ),
          ),
      },
    },
  };
});
