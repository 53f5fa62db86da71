import { normals } from '@plumbline/compute';
import { describe, expect, it } from 'vitest';
import { goldGain, type OveroptimisationForm } from './forms.js';
import { fitResampled } from './resampled-fit.js';
import { asEstimate, resampledMeans } from './resampled-means.js';

const TRUE = { alpha: 0.8, beta: 0.3 };
const PROMPTS = 120;

/** A made-up frontier: as many prompts, each with its own level, noisy gold rewards and KLs about the true ones. */
function study(form: OveroptimisationForm, seed: number, distances: readonly number[]) {
  const levels = normals(seed, 'levels', PROMPTS);
  const quantities: Record<string, number[]> = { initial: Array.from(levels, (level) => 0.3 * level) };
  for (const distance of distances) {
    const errors = normals(seed, `gold ${distance}`, PROMPTS);
    const spread = normals(seed, `kl ${distance}`, PROMPTS);
    quantities[`gold ${distance}`] = Array.from(
      levels,
      (level, i) => 0.3 * level + goldGain(form, TRUE, distance) + 0.2 * errors[i]!,
    );
    quantities[`kl ${distance}`] = Array.from(spread, (z) => distance * distance * (1 + 0.2 * z));
  }
  const means = resampledMeans(quantities, { seed, purpose: 'study', resamples: 300 });
  return fitResampled({
    form,
    initial: means['initial']!,
    points: distances.map((distance) => ({
      gold: means[`gold ${distance}`]!,
      kl: form === 'rl' ? means[`kl ${distance}`]! : distance * distance,
    })),
  });
}

const DISTANCES = [0.5, 1, 1.5, 2, 2.5, 3];

describe.each(['best-of-n', 'rl'] as const)('intervals of the fit of %s', (form) => {
  it('cover the truth about 95 % of the time', () => {
    const studies = 150;
    const covered = { alpha: 0, beta: 0, peak: 0 };
    const peak = form === 'rl' ? Math.exp(TRUE.alpha / TRUE.beta - 1) : TRUE.alpha / (2 * TRUE.beta);
    for (let seed = 0; seed < studies; seed++) {
      const fit = study(form, seed, DISTANCES)!;
      for (const name of ['alpha', 'beta'] as const) {
        if (fit[name].low <= TRUE[name] && TRUE[name] <= fit[name].high) covered[name] += 1;
      }
      if ((fit.peak.low ?? Infinity) <= peak && peak <= (fit.peak.high ?? Infinity)) covered.peak += 1;
    }
    for (const count of Object.values(covered)) {
      expect(count / studies).toBeGreaterThan(0.87);
      expect(count / studies).toBeLessThan(1);
    }
  });

  it('is not attempted on fewer than three points', () => {
    expect(study(form, 1, [1, 2])).toBeNull();
  });
});

describe('a frontier that never comes down', () => {
  it('has its peak nowhere, and an interval open to the far side', () => {
    const rising = [1, 2, 3, 4].map((distance) => ({ distance, gain: distance + 0.1 * distance ** 2 }));
    const constant = (value: number) => ({ mean: value, resamples: new Float64Array(50).fill(value) });
    const fit = fitResampled({
      form: 'best-of-n',
      initial: constant(0),
      points: rising.map(({ distance, gain }) => ({ gold: constant(gain), kl: distance ** 2 })),
    })!;
    expect(fit.beta.value).toBeCloseTo(-0.1, 10);
    expect(fit.peak).toEqual({ distance: null, low: null, high: null });
  });
});

describe('resampled means', () => {
  it('move together: a constant difference has no interval', () => {
    const values = Array.from(normals(3, 'values', 80));
    const { a, b } = resampledMeans(
      { a: values, b: values.map((value) => value + 2) },
      { seed: 1, purpose: 'together', resamples: 200 },
    );
    for (const [i, mean] of a.resamples.entries()) expect(b.resamples[i]! - mean).toBeCloseTo(2, 12);
    const estimate = asEstimate(a, 80);
    expect(estimate.low).toBeLessThan(estimate.value);
    expect(estimate.high).toBeGreaterThan(estimate.value);
    expect(estimate.high - estimate.low).toBeCloseTo((2 * 1.96) / Math.sqrt(80), 1);
  });

  it('refuses quantities of different prompts', () => {
    expect(() => resampledMeans({ a: [1, 2], b: [1] }, { seed: 1, purpose: 'x' })).toThrow('b has 1 values');
    expect(() => resampledMeans({ a: [] }, { seed: 1, purpose: 'x' })).toThrow('a has 0 values');
  });
});
