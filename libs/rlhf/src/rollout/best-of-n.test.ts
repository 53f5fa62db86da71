import { describe, expect, it } from 'vitest';
import { bestOf, bestOfNKlBound } from './best-of-n.js';

describe('best of n', () => {
  it.each([
    [1, 0],
    [2, 0.193147],
    [4, 0.636294],
    [16, 1.835089],
    [64, 3.174508],
    [1000, 5.908755],
  ])('KL bound for n = %d is %d', (n, expected) => {
    expect(bestOfNKlBound(n)).toBeCloseTo(expected, 6);
  });

  it('takes the highest score, the first of equals', () => {
    expect(bestOf([1, 3, 3, 2])).toBe(1);
    expect(bestOf([-5])).toBe(0);
  });
});
