import type { Estimate } from '@plumbline/contracts';
import { uniforms } from '@plumbline/compute';

export interface BootstrapOptions {
  readonly seed: number;
  /** Names the quantity: two estimates under one seed draw different resamples. */
  readonly purpose: string;
  /** Default 2000. */
  readonly resamples?: number;
}

/**
 * Mean with its 95 % interval (percentile bootstrap). Resamples prompts, not values: values of one prompt are not
 * independent.
 * @param byPrompt the values of each prompt; prompts without any are allowed and count for nothing
 * @returns `n` counts values; all NaN but `n` when there are none
 */
export function estimateMean(byPrompt: readonly (readonly number[])[], options: BootstrapOptions): Estimate {
  const { seed, purpose, resamples = 2000 } = options;
  const prompts = byPrompt.filter((values) => values.length > 0);
  const sums = Float64Array.from(prompts, (values) => values.reduce((a, b) => a + b, 0));
  const counts = Float64Array.from(prompts, (values) => values.length);
  const total = (numbers: Float64Array): number => numbers.reduce((a, b) => a + b, 0);
  const n = total(counts);
  if (n === 0) return { value: NaN, low: NaN, high: NaN, n: 0 };
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    const draws = uniforms(seed, `bootstrap/${purpose}`, resample * prompts.length, prompts.length);
    let sum = 0;
    let count = 0;
    for (const draw of draws) {
      const prompt = Math.floor(draw * prompts.length);
      sum += sums[prompt]!;
      count += counts[prompt]!;
    }
    means[resample] = sum / count;
  }
  means.sort();
  return { value: total(sums) / n, low: quantile(means, 0.025), high: quantile(means, 0.975), n };
}

/** Quantile of sorted values, linear between order statistics; infinite ones are allowed at the end. */
export function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  if (sorted[above] === sorted[below]) return sorted[below]!;
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}

/**
 * Share of prompts on which a response scores higher than the baseline's, ties counting half, bootstrap by prompt.
 * @param scores one a prompt; `baseline` likewise
 * @throws RangeError if the lengths differ
 */
export function estimateWinRate(
  scores: readonly number[],
  baseline: readonly number[],
  options: BootstrapOptions,
): Estimate {
  if (scores.length !== baseline.length) {
    throw new RangeError(`${scores.length} scores against ${baseline.length} of the baseline`);
  }
  return estimateMean(
    scores.map((score, prompt) => [(Math.sign(score - baseline[prompt]!) + 1) / 2]),
    options,
  );
}
