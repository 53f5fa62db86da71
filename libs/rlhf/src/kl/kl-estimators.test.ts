import { describe, expect, it } from 'vitest';
import { fullKl, klEstimators } from './kl-estimators.js';

describe('KL estimators', () => {
  it('of a log-ratio of ±0.1', () => {
    expect(klEstimators.k1(0.1)).toBeCloseTo(0.1, 12);
    expect(klEstimators.k1(-0.1)).toBeCloseTo(-0.1, 12);
    expect(klEstimators.k2(0.1)).toBeCloseTo(0.005, 12);
    expect(klEstimators.k2(-0.1)).toBeCloseTo(0.005, 12);
    expect(klEstimators.k3(0.1)).toBeCloseTo(0.004837, 6);
    expect(klEstimators.k3(-0.1)).toBeCloseTo(0.005171, 6);
  });

  it('k1 and k3 average to the full KL, k2 only nearly', () => {
    const p = [0.5, 0.3, 0.2];
    const q = [0.4, 0.35, 0.25];
    const expectation = (estimate: (logRatio: number) => number): number =>
      p.reduce((sum, probability, i) => sum + probability * estimate(Math.log(probability / q[i]!)), 0);
    expect(expectation(klEstimators.k1)).toBeCloseTo(fullKl(p, q), 12);
    expect(expectation(klEstimators.k3)).toBeCloseTo(fullKl(p, q), 12);
    expect(expectation(klEstimators.k2)).not.toBeCloseTo(fullKl(p, q), 6);
    expect(expectation(klEstimators.k2)).toBeCloseTo(fullKl(p, q), 3);
  });

  it('full KL of [.98,.01,.01] against [.01,.01,.98]', () => {
    expect(fullKl([0.98, 0.01, 0.01], [0.01, 0.01, 0.98])).toBeCloseTo(4.447418, 6);
  });
});
