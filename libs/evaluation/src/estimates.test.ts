import { normals, uniforms } from '@plumbline/compute';
import { describe, expect, it } from 'vitest';
import { estimateMean, estimateWinRate } from './estimates.js';

const options = { seed: 1, purpose: 'test', resamples: 1000 };

describe('mean with its interval', () => {
  it('covers the truth about 95 % of the time', () => {
    const studies = 200;
    let covered = 0;
    for (let study = 0; study < studies; study++) {
      const values = Array.from(normals(study, 'values', 60), (z) => [3 + 2 * z]);
      const { low, high } = estimateMean(values, { seed: study, purpose: 'coverage', resamples: 400 });
      if (low <= 3 && 3 <= high) covered += 1;
    }
    expect(covered / studies).toBeGreaterThan(0.89);
    expect(covered / studies).toBeLessThan(0.99);
  });

  it('is wider when the values of a prompt agree: prompts are the unit', () => {
    const draws = [...uniforms(1, 'draws', 0, 100)];
    const independent = estimateMean(
      draws.map((draw) => [draw]),
      options,
    );
    const fours = draws.filter((_, i) => i % 4 === 0).map((draw) => [draw, draw, draw, draw]);
    const clustered = estimateMean(fours, options);
    expect(clustered.n).toBe(independent.n);
    expect(clustered.high - clustered.low).toBeGreaterThan(1.5 * (independent.high - independent.low));
  });

  it('is the same every time, and no interval at all without spread', () => {
    const values = [[1, 2], [3], [], [10]];
    expect(estimateMean(values, options)).toEqual(estimateMean(values, options));
    expect(estimateMean(values, options)).toMatchObject({ value: 4, n: 4 });
    expect(estimateMean([[2], [2]], options)).toEqual({ value: 2, low: 2, high: 2, n: 2 });
    expect(estimateMean([[]], options)).toEqual({ value: NaN, low: NaN, high: NaN, n: 0 });
  });
});

describe('win rate', () => {
  it('counts ties half', () => {
    expect(estimateWinRate([2, 1, 0, 5], [1, 1, 1, 1], options)).toMatchObject({ value: 0.625, n: 4 });
  });

  it('refuses scores that do not pair up', () => {
    expect(() => estimateWinRate([1], [1, 2], options)).toThrow('1 scores against 2');
  });
});
