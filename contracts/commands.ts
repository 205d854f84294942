import { Type, type Static, type TObject } from "@sinclair/typebox";
import type { CommandEnvelope } from "./envelope";
import { SeatLine } from "./events";

/** Every command: an instruction to one service, which may refuse it. Each has a durable queue of its name. */
const Id = Type.String({ minLength: 1, maxLength: 255 });

export const COMMANDS = {
  "payments.charge": {
    version: "1.0",
    summary: "Charge an order, at most once.",
    data: Type.Object({
      orderId: Id,
      userId: Id,
      amount: Type.Integer({ minimum: 0 }),
      currency: Type.String({ pattern: "^[A-Z]{3}$" }),
      paymentMethod: Type.String(),
      items: Type.Array(SeatLine),
    }),
  },
  "payments.refund": {
    version: "1.0",
    summary: "Refund the charge of an order, or make sure that it is never charged.",
    data: Type.Object({
      orderId: Id,
      userId: Id,
      amount: Type.Integer({ minimum: 0 }),
      currency: Type.String({ pattern: "^[A-Z]{3}$" }),
      reason: Type.String(),
    }),
  },
  "notifications.deliver": {
    version: "1.0",
    summary: "Deliver one notification on one channel beyond the browser.",
    data: Type.Object({
      notificationId: Id,
      userId: Id,
      orderId: Id,
      channel: Type.Union([
        Type.Literal("email"),
        Type.Literal("sms"),
        Type.Literal("push"),
        Type.Literal("webhook"),
      ]),
    }),
  },
} as const satisfies Record<string, { version: string; summary: string; data: TObject }>;

export type CommandType = keyof typeof COMMANDS;
export type CommandData<T extends CommandType> = Static<(typeof COMMANDS)[T]["data"]>;
export type HubCommand = { [T in CommandType]: CommandEnvelope<T, CommandData<T>> }[CommandType];
export type CommandOf<T extends CommandType> = Extract<HubCommand, { commandType: T }>;

export const isCommandType = (type: string): type is CommandType => Object.hasOwn(COMMANDS, type);
