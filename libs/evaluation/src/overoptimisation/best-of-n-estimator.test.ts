import { normals } from '@plumbline/compute';
import { describe, expect, it } from 'vitest';
import { bestOfNWeights, expectedBestOfN } from './best-of-n-estimator.js';

/** All ways to draw n of the indices below `samples`. */
function subsets(samples: number, n: number): number[][] {
  if (n === 0) return [[]];
  return Array.from({ length: samples }, (_, last) => last).flatMap((last) =>
    subsets(last, n - 1).map((rest) => [...rest, last]),
  );
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('best-of-n out of N samples', () => {
  const scores = [0.3, -1, 2.5, 0.7, -0.2, 1.1, 0.9];
  const values = [1, 5, -2, 4, 0, 3, 7];

  it('is the mean over every subset of n', () => {
    for (const n of [1, 2, 3, 4, 7]) {
      const byHand = mean(
        subsets(7, n).map((drawn) => values[drawn.reduce((a, b) => (scores[b]! > scores[a]! ? b : a))]!),
      );
      expect(expectedBestOfN(scores, values, n)).toBeCloseTo(byHand, 12);
    }
  });

  it('leaves the choice among equal scores to the lot', () => {
    // Two of three at the top: of a pair of these, or of either with the third, a top one is chosen.
    expect(expectedBestOfN([1, 1, 0], [10, 20, 100], 2)).toBeCloseTo(15, 12);
    expect(expectedBestOfN([3, 3, 3, 3], [1, 2, 3, 6], 3)).toBeCloseTo(3, 12);
    expect(expectedBestOfN([0, 1, 1], [100, 20, 10], 2)).toBe(expectedBestOfN([1, 1, 0], [10, 20, 100], 2));
  });

  it('has probabilities for weights, up to many samples', () => {
    for (const [samples, n] of [
      [16, 4],
      [1024, 512],
      [1024, 2],
    ] as const) {
      const weights = [...bestOfNWeights(samples, n)];
      expect(weights.every((weight) => weight >= 0)).toBe(true);
      expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
      expect(weights.filter((weight) => weight > 0).length).toBeLessThanOrEqual(samples - n + 1);
    }
  });

  it('is unbiased: the maximum of two standard normals is 1/√π on average', () => {
    const estimates = Array.from({ length: 4000 }, (_, study) => {
      const draws = normals(study, 'draws', 8);
      return expectedBestOfN(draws, draws, 2);
    });
    expect(Math.abs(mean(estimates) - 1 / Math.sqrt(Math.PI))).toBeLessThan(0.015);
  });

  it('refuses more choices than samples, and scores that do not pair up', () => {
    expect(() => expectedBestOfN([1, 2], [1, 2], 3)).toThrow('the best of 3 out of 2 responses');
    expect(() => bestOfNWeights(4, 0)).toThrow(RangeError);
    expect(() => bestOfNWeights(4, 1.5)).toThrow(RangeError);
    expect(() => expectedBestOfN([1, 2], [1], 1)).toThrow('2 scores of 1 values');
  });
});
