export interface LearningRateSchedule {
  /** How the learning rate falls after the warm-up. */
  readonly kind: 'cosine' | 'linear';
  readonly peak: number;
  /** Updates of linear warm-up. */
  readonly warmup: number;
  /** Updates in all. */
  readonly total: number;
  /** Share of the peak that the last update has. */
  readonly finalShare: number;
}

/** Learning rate of update `update` (0-based): linear to the peak over the warm-up, then down to its final share. */
export function learningRateAt(
  update: number,
  { kind, peak, warmup, total, finalShare }: LearningRateSchedule,
): number {
  if (update < warmup) return (peak * (update + 1)) / warmup;
  const progress = Math.min(1, (update - warmup) / Math.max(1, total - 1 - warmup));
  const height = kind === 'cosine' ? 0.5 * (1 + Math.cos(Math.PI * progress)) : 1 - progress;
  return peak * (finalShare + (1 - finalShare) * height);
}
