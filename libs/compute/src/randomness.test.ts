import { describe, expect, it } from 'vitest';
import { normals, permutation, philox4x32, shuffled, uniform, uniforms } from './randomness.js';

describe('philox4x32', () => {
  // Known-answer vectors that accompany the Random123 paper.
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('answers counter %j under key %j', (counter, key, expected) => {
    expect(philox4x32(counter, key)).toEqual([...expected]);
  });
});

describe('uniforms', () => {
  it('are a pure function of seed, purpose and index', () => {
    const all = uniforms(7, 'test', 0, 100);
    expect(uniforms(7, 'test', 37, 20)).toEqual(all.slice(37, 57));
    expect(uniform(7, 'test', 93)).toBe(all[93]);
    expect(uniforms(8, 'test', 0, 100)).not.toEqual(all);
    expect(uniforms(7, 'other', 0, 100)).not.toEqual(all);
  });

  it('lie in [0, 1) with the moments of a uniform distribution', () => {
    const values = uniforms(1, 'moments', 0, 100_000);
    expect(Math.min(...values.slice(0, 50_000))).toBeGreaterThanOrEqual(0);
    expect(values.every((value) => value < 1)).toBe(true);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(1 / 2, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });

  it('do not repeat beyond 2³² indices', () => {
    expect(uniforms(1, 'far', 2 ** 34, 8)).not.toEqual(uniforms(1, 'far', 0, 8));
  });
});

describe('normals', () => {
  it('have the moments of a standard normal distribution, at any length', () => {
    const values = normals(3, 'moments', 100_001);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const fourth = values.reduce((sum, value) => sum + (value - mean) ** 4, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(variance).toBeCloseTo(1, 1);
    expect(fourth / variance ** 2).toBeCloseTo(3, 0);
    expect(normals(3, 'moments', 5)).toEqual(values.slice(0, 5));
  });
});

describe('permutation', () => {
  it('contains every index once and is reproducible', () => {
    const order = permutation(5, 'order', 1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(permutation(5, 'order', 1000)).toEqual(order);
    expect(permutation(6, 'order', 1000)).not.toEqual(order);
  });

  it('makes every order of three about equally often', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const key = shuffled(seed, 'three', ['a', 'b', 'c']).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
