import { preferenceProbability } from './simulated-judgement.js';

/**
 * Expected accuracy of a predictor that knows the gold rewards, measured against noisy judgements: no reward model can
 * be expected to agree with the labelers more often. Mean of max(P, 1 − P) over the comparisons with a better response;
 * the others are judged ties and measure nothing. Null when there are none.
 */
export function noiseCeiling(
  comparisons: readonly { readonly goldRewards: readonly [number, number] }[],
  noise: number,
): number | null {
  let sum = 0;
  let count = 0;
  for (const { goldRewards } of comparisons) {
    const [first, second] = goldRewards;
    if (first === second) continue;
    sum += preferenceProbability(Math.max(first, second), Math.min(first, second), noise);
    count += 1;
  }
  return count === 0 ? null : sum / count;
}
