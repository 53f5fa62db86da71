import type { Estimate } from '@plumbline/contracts';
import { uniforms } from '@plumbline/compute';
import { quantile, type BootstrapOptions } from '../estimates.js';

/** A quantity measured once a prompt, its mean, and the means of the bootstrap's resamples. */
export interface ResampledMean {
  readonly mean: number;
  /** One a resample; the same resample drew the same prompts for every quantity. */
  readonly resamples: Float64Array;
}

/**
 * Means of several quantities with the bootstrap over prompts drawn once for all of them, so that differences, ratios
 * and fits of the means have intervals that know how the quantities move together.
 * @param quantities each one value a prompt, the prompts in the same order
 * @throws RangeError if they are not equally many, or none
 */
export function resampledMeans<Name extends string>(
  quantities: Readonly<Record<Name, ArrayLike<number>>>,
  { seed, purpose, resamples = 2000 }: BootstrapOptions,
): Record<Name, ResampledMean> {
  const entries = Object.entries<ArrayLike<number>>(quantities);
  const prompts = entries[0]?.[1].length ?? 0;
  for (const [name, values] of entries) {
    if (prompts === 0 || values.length !== prompts) {
      throw new RangeError(`${name} has ${values.length} values for ${prompts} prompts`);
    }
  }
  const drawn = entries.map(() => new Float64Array(resamples));
  const counts = new Float64Array(prompts);
  for (let resample = 0; resample < resamples; resample++) {
    counts.fill(0);
    for (const draw of uniforms(seed, `bootstrap/${purpose}`, resample * prompts, prompts)) {
      counts[Math.floor(draw * prompts)]! += 1;
    }
    for (const [i, [, values]] of entries.entries()) {
      let sum = 0;
      for (let prompt = 0; prompt < prompts; prompt++) sum += counts[prompt]! * values[prompt]!;
      drawn[i]![resample] = sum / prompts;
    }
  }
  return Object.fromEntries(
    entries.map(([name, values], i) => [
      name,
      { mean: Array.from(values).reduce((a, b) => a + b, 0) / prompts, resamples: drawn[i]! },
    ]),
  ) as Record<Name, ResampledMean>;
}

/** The mean with its 95 % interval (percentile bootstrap). @param prompts how many it is of */
export function asEstimate({ mean, resamples }: ResampledMean, prompts: number): Estimate {
  const sorted = resamples.slice().sort();
  return { value: mean, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975), n: prompts };
}
