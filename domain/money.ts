import type { Money } from "../contracts/money";

const formats = new Map<string, Intl.NumberFormat>();

function formatOf(currency: string): Intl.NumberFormat {
  let format = formats.get(currency);
  if (!format) formats.set(currency, (format = new Intl.NumberFormat("en", { style: "currency", currency })));
  return format;
}

/** An amount in the currency's own units; currencies have none, two or three decimals (ISO 4217). */
export const inUnits = ({ amount, currency }: Money): number =>
  amount / 10 ** (formatOf(currency).resolvedOptions().maximumFractionDigits ?? 2);

/** An amount for people, such as €29.00. */
export const formatMoney = (money: Money): string => formatOf(money.currency).format(inUnits(money));
