export interface WarmupCosine {
  readonly peak: number;
  /** Updates of linear warm-up. */
  readonly warmup: number;
  /** Updates in all. */
  readonly total: number;
}

/** Share of the peak that the cosine ends at. */
const FINAL_SHARE = 0.1;

/** Learning rate of update `update` (0-based): linear to the peak over the warm-up, then a cosine to a tenth of it. */
export function learningRateAt(update: number, { peak, warmup, total }: WarmupCosine): number {
  if (update < warmup) return (peak * (update + 1)) / warmup;
  const progress = Math.min(1, (update - warmup) / Math.max(1, total - 1 - warmup));
  return peak * (FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}
