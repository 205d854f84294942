import type { Money } from "../contracts/money";

interface Currency {
  format: Intl.NumberFormat;
  /** Minor units in one unit: currencies have none, two or three decimals (ISO 4217). */
  minor: number;
}

const known = new Map<string, Currency>();

function currencyOf(code: string): Currency {
  let currency = known.get(code);
  if (!currency) {
    const format = new Intl.NumberFormat("en", { style: "currency", currency: code });
    currency = { format, minor: 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2) };
    known.set(code, currency);
  }
  return currency;
}

/** An amount in the currency's own units. */
export const inUnits = ({ amount, currency }: Money): number => amount / currencyOf(currency).minor;

/** An amount for people, such as €29.00. */
export const formatMoney = (money: Money): string => currencyOf(money.currency).format.format(inUnits(money));
