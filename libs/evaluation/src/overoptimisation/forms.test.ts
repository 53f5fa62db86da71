import { normals } from '@plumbline/compute';
import { describe, expect, it } from 'vitest';
import { fitOveroptimisation, goldGain, peakDistance, type OveroptimisationForm } from './forms.js';

const TRUE = { alpha: 0.9, beta: 0.25 };
const FORMS: readonly OveroptimisationForm[] = ['best-of-n', 'rl'];
const distances = Array.from({ length: 40 }, (_, i) => 0.25 + i / 8);

describe.each(FORMS)('the form of %s', (form) => {
  const points = (noise: number, seed = 1) => {
    const errors = normals(seed, form, distances.length);
    return distances.map((distance, i) => ({
      distance,
      gain: goldGain(form, TRUE, distance) + noise * errors[i]!,
    }));
  };

  it('is recovered exactly from exact points, the initial policy among them', () => {
    const fitted = fitOveroptimisation(form, [{ distance: 0, gain: 0 }, ...points(0)])!;
    expect(fitted.alpha).toBeCloseTo(TRUE.alpha, 10);
    expect(fitted.beta).toBeCloseTo(TRUE.beta, 10);
  });

  it('is recovered from noisy points without bias', () => {
    const fits = Array.from({ length: 200 }, (_, seed) => fitOveroptimisation(form, points(0.1, seed))!);
    for (const name of ['alpha', 'beta'] as const) {
      const values = fits.map((fit) => fit[name]);
      const mean = values.reduce((a, b) => a + b) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
      expect(Math.abs(mean - TRUE[name])).toBeLessThan((4 * deviation) / Math.sqrt(values.length));
      expect(deviation).toBeLessThan(0.05);
    }
  });

  it('is highest at its peak', () => {
    const peak = peakDistance(form, TRUE)!;
    const gain = (distance: number): number => goldGain(form, TRUE, distance);
    for (const off of [0.9, 0.99, 1.01, 1.1]) expect(gain(peak * off)).toBeLessThan(gain(peak));
    expect(gain(peak)).toBeGreaterThan(0);
  });

  it('is not determined by one distance, and refuses what is no number', () => {
    expect(fitOveroptimisation(form, [])).toBeNull();
    expect(
      fitOveroptimisation(form, [
        { distance: 0, gain: 0 },
        { distance: 2, gain: 1 },
        { distance: 2, gain: 1.2 },
      ]),
    ).toBeNull();
    expect(() => fitOveroptimisation(form, [{ distance: -1, gain: 0 }])).toThrow('at distance -1');
    expect(() => fitOveroptimisation(form, [{ distance: 1, gain: NaN }])).toThrow('a gain of NaN');
  });

  it('starts at the initial policy', () => {
    expect(goldGain(form, TRUE, 0)).toBe(0);
    expect(Math.abs(goldGain(form, TRUE, 1e-9))).toBeLessThan(1e-7);
  });
});

describe('peaks', () => {
  it('are at α/2β for best-of-n and exp(α/β − 1) for reinforcement learning', () => {
    expect(peakDistance('best-of-n', { alpha: 1, beta: 0.125 })).toBe(4);
    expect(peakDistance('rl', { alpha: 0.6, beta: 0.2 })).toBeCloseTo(Math.exp(2), 12);
    expect(peakDistance('rl', { alpha: 0.2, beta: 0.2 })).toBe(1);
  });

  it('are nowhere while nothing is taken away again', () => {
    expect(peakDistance('best-of-n', { alpha: 1, beta: 0 })).toBeNull();
    expect(peakDistance('rl', { alpha: 1, beta: -0.1 })).toBeNull();
    expect(peakDistance('best-of-n', { alpha: -1, beta: 0.1 })).toBeNull();
  });
});
