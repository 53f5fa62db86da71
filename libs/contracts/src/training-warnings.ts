/** What may go wrong in policy optimisation, as its curves show it. */
export const WARNING_KINDS = [
  'kl-explosion',
  'negative-kl',
  'entropy-collapse',
  'length-drift',
  'gold-falls',
  'held-out-falls',
  'value-loss-divergence',
  'clip-fraction',
  'engine-gap',
] as const;
export type WarningKind = (typeof WARNING_KINDS)[number];

export interface TrainingWarning {
  readonly kind: WarningKind;
  /** Iteration that showed it. */
  readonly index: number;
  /** One sentence for people, with the numbers. */
  readonly message: string;
}
