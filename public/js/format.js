import { h } from "./dom.js";

/** Money in minor units as its currency writes it: `{amount: 1999, currency: "EUR"}` -> "€19.99". */
export function money({ amount, currency }) {
  return moneyFormat(currency).format(amount / 10 ** decimalsOf(currency));
}

/** How many decimals a currency has: 2 for EUR, none for JPY. */
export const decimalsOf = (currency) => moneyFormat(currency).resolvedOptions().maximumFractionDigits;

const formats = new Map();
function moneyFormat(currency) {
  if (!formats.has(currency)) {
    formats.set(currency, new Intl.NumberFormat(undefined, { style: "currency", currency }));
  }
  return formats.get(currency);
}

const integer = new Intl.NumberFormat();
export const number = (value) => integer.format(value);

const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** A `<time>`: the clock when it was today, else date and time; the exact instant is its title. */
export function time(iso, { dateOnly = false } = {}) {
  if (!iso) return "–";
  const at = new Date(iso);
  const sameDay = at.toDateString() === new Date().toDateString();
  const text = dateOnly ? date.format(at) : (sameDay ? today : day).format(at);
  return h("time", { datetime: iso, title: iso, class: "nowrap" }, text);
}

/** Milliseconds as people say them: "3 ms", "1.2 s", "4 min", "2 h". */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

/** Seconds to wait, not too few: "8 s", "15 min". */
export const wait = (seconds) => (seconds < 60 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`);

/** The end of an id: many are made of the time first, so those of one day begin alike. */
export const shortId = (id) => (id.length <= 14 ? id : `…${id.slice(-8)}`);

const words = { PAYMENT_FAILED: "Payment failed" };
/** "CANCELLED" -> "Cancelled". */
export const sentence = (code) =>
  words[code] ?? code.charAt(0).toUpperCase() + code.slice(1).toLowerCase().replaceAll("_", " ");
