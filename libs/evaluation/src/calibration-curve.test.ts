import { describe, expect, it } from 'vitest';
import { calibrationCurve, type PredictedPair } from './calibration-curve.js';

/** So many pairs predicted alike, a share of which is judged as predicted. */
function pairs(probability: number, count: number, agreeing: number): PredictedPair[] {
  return Array.from({ length: count }, (_, i) => ({
    comparison: `${probability} ${i}`,
    probability,
    target: i < agreeing ? 1 : 0,
  }));
}

describe('calibration curve', () => {
  it('compares predicted probabilities with judgements, bin by bin', () => {
    const { bins, expectedCalibrationError } = calibrationCurve(
      [...pairs(0.92, 100, 70), ...pairs(0.62, 300, 186)],
      1,
    )!;
    expect(bins.map(({ low, high }) => [low, high].map((edge) => edge.toFixed(2)).join('–'))).toEqual([
      '0.60–0.65',
      '0.90–0.95',
    ]);
    expect(bins.map(({ agreement }) => agreement.n)).toEqual([300, 100]);
    expect(bins[0]!.predicted).toBeCloseTo(0.62, 12);
    expect(bins[0]!.agreement.value).toBeCloseTo(0.62, 12);
    expect(bins[1]!.agreement.value).toBeCloseTo(0.7, 12);
    expect(bins[1]!.agreement.low).toBeLessThan(0.7);
    expect(bins[1]!.agreement.high).toBeGreaterThan(0.7);
    // A quarter of the pairs is .22 off, the rest not at all.
    expect(expectedCalibrationError).toBeCloseTo(0.22 / 4, 12);
  });

  it('does not depend on which response is called the first', () => {
    const given = [...pairs(0.92, 20, 14), ...pairs(0.3, 20, 8), ...pairs(0.5, 10, 7)];
    const swapped = given.map(({ comparison, target, probability }) => ({
      comparison,
      target: 1 - target,
      probability: 1 - probability,
    }));
    const [a, b] = [given, swapped].map((some) => calibrationCurve(some, 1)!);
    expect(b!.bins.map(({ agreement }) => agreement)).toEqual(a!.bins.map(({ agreement }) => agreement));
    expect(b!.expectedCalibrationError).toBeCloseTo(a!.expectedCalibrationError, 12);
  });

  it('counts a tie as half, and a prediction of ½ as right half the time', () => {
    const tie = calibrationCurve([{ comparison: 'a', probability: 0.5, target: 0.5 }], 1)!;
    expect(tie.expectedCalibrationError).toBe(0);
    const sure = calibrationCurve([{ comparison: 'a', probability: 1, target: 0.5 }], 1)!;
    expect(sure.bins[0]).toMatchObject({ high: 1, predicted: 1, agreement: { value: 0.5, n: 1 } });
    expect(sure.expectedCalibrationError).toBe(0.5);
    expect(calibrationCurve([], 1)).toBeNull();
  });
});
