import { describe, expect, it } from 'vitest';
import { formatDuration, formatNumber } from './format.js';

describe('formatDuration', () => {
  it.each([
    [0, '0.0 s'],
    [9_940, '9.9 s'],
    [59_600, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [3_599_900, '1 h 00 min'],
    [3 * 3_600_000 + 4 * 60_000, '3 h 04 min'],
    [76 * 3_600_000, '3 d 4 h'],
    [-5, '0.0 s'],
  ])('%d ms', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});

describe('formatNumber', () => {
  it.each([
    [0, '0'],
    [3.14159, '3.142'],
    [0.00051, '0.00051'],
    [0.0000051, '5.10e-6'],
    [12_480, '12,480'],
    [1234.56, '1234.6'],
    [-2.5, '-2.5'],
    [Number.NaN, 'NaN'],
  ])('%d', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});
