import { describe, expect, it } from 'vitest';
import { mean, median, standardError } from './statistics.js';

describe('statistics of rounds', () => {
  it('the median is the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 6])).toBe(5.5);
    expect(() => median([])).toThrow(RangeError);
  });

  it('the standard error of 2, 4, 4, 4, 5, 5, 7, 9 is 0.7559', () => {
    const values = [2, 4, 4, 4, 5, 5, 7, 9];
    expect(mean(values)).toBe(5);
    expect(standardError(values)).toBeCloseTo(0.755929, 6);
    expect(() => standardError([1])).toThrow(RangeError);
  });
});
