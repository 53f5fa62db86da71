import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { moments, whiten } from './whitening.js';

describe('whitening', () => {
  it('without mean shift keeps the mean: 1.2, 1.3 … 2.0', () => {
    const values = [1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0];
    const whitened = whiten(values, { shiftMean: false });
    const expected = [0.050807, 0.438105, 0.825403, 1.212702, 1.6];
    expected.forEach((value, index) => expect(whitened[index]).toBeCloseTo(value, 5));
    expect(whitened[8]).toBeCloseTo(3.149193, 5);
  });

  it('with mean shift has mean 0 and variance 1', () => {
    const spread = fc
      .array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 2, maxLength: 40 })
      .filter((values) => moments(values).variance > 1e-2);
    fc.assert(
      fc.property(spread, (values) => {
        const { mean, variance } = moments(whiten(values, { shiftMean: true }));
        expect(mean).toBeCloseTo(0, 6);
        expect(variance).toBeCloseTo(1, 5);
      }),
    );
  });

  it('ignores masked entries', () => {
    const mask = [true, false, true, true];
    const whitened = whiten([1, 1e9, 2, 3], { shiftMean: true, mask });
    expect([...whiten([1, 2, 3], { shiftMean: true })]).toEqual([whitened[0], whitened[2], whitened[3]]);
    expect(whitened[1]).toBe(0);
  });

  it('turns equal values into zeros, not NaN', () => {
    expect([...whiten([4, 4, 4], { shiftMean: true })]).toEqual([0, 0, 0]);
  });
});
