/**
 * Payment methods of the simulated provider, named as Stripe's test ones
 * (https://docs.stripe.com/testing), and what each does.
 */
export const PAYMENT_METHODS = {
  pm_card_visa: "pays",
  pm_card_chargeDeclined: "declines",
  pm_card_chargeDeclinedInsufficientFunds: "declines: insufficient funds",
  pm_sim_timeout: "answers late, the outcome is unknown at first, then pays",
  pm_sim_flaky: "fails transiently twice, then pays",
} as const;

export type SimulatedMethod = keyof typeof PAYMENT_METHODS;

export const isSimulatedMethod = (value: string): value is SimulatedMethod =>
  Object.hasOwn(PAYMENT_METHODS, value);
