import { h } from "../dom.js";
import { sentence } from "../format.js";

const TONES = {
  PENDING: "warn moving",
  PAID: "info moving",
  ACTIVE: "good",
  PAYMENT_FAILED: "bad",
  REJECTED: "bad",
  CANCELLED: "",
  pending: "warn moving",
  succeeded: "good",
  failed: "bad",
  refunded: "info",
  unknown: "warn",
  open: "bad",
  stopped: "warn",
  redriven: "good",
  discarded: "",
  up: "good",
  down: "bad",
  ok: "good",
  degraded: "warn",
  unavailable: "bad",
  running: "info moving",
  done: "good",
  admin: "info",
  user: "",
};

/** The state of a thing in one word and one colour. */
export const badge = (status) => h("span", { class: `badge ${TONES[status] ?? ""}` }, sentence(status));

const REFUNDS = { pending: "Refund under way", done: "Refunded" };

/** The refund of an order, when there is one. */
export const refundBadge = (refund) =>
  REFUNDS[refund]
    ? h("span", { class: `badge ${refund === "done" ? "info" : "warn moving"}` }, REFUNDS[refund])
    : null;
