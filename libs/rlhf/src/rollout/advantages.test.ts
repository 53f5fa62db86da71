import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generalisedAdvantages } from './advantages.js';

describe('generalised advantage estimation', () => {
  it.each([
    { rewards: [0, 0, 1, 0], values: [0, 1, 2, 3], gamma: 0.5, lambda: 0, expected: [0.5, 0, 0.5, -3] },
    { rewards: [0, 0, 5], values: [1, 2, 3], gamma: 1, lambda: 0, expected: [1, 1, 2] },
    {
      rewards: [0, 0, 0, 1],
      values: [0.1, 0.2, 0.3, 0.4],
      gamma: 1,
      lambda: 0.95,
      expected: [0.799675, 0.7365, 0.67, 0.6],
    },
    {
      rewards: [0, 0, 0, 1],
      values: [0.1, 0.2, 0.3, 0.4],
      gamma: 0.99,
      lambda: 0.9,
      expected: [0.685048, 0.658865, 0.6306, 0.6],
    },
  ])('r=$rewards v=$values γ=$gamma λ=$lambda', ({ rewards, values, gamma, lambda, expected }) => {
    const advantages = generalisedAdvantages(rewards, values, { gamma, lambda });
    expect(advantages).toHaveLength(expected.length);
    expected.forEach((value, t) => expect(advantages[t]).toBeCloseTo(value, 6));
  });

  it('is the return minus the value when γ = λ = 1', () => {
    const advantages = generalisedAdvantages([1, -2, 4], [0.5, 0.25, 3], { gamma: 1, lambda: 1 });
    expect([...advantages]).toEqual([2.5, 1.75, 1]);
  });

  it('lets masked positions change nothing, wherever they are and whatever they hold', () => {
    const number = fc.double({ min: -10, max: 10, noNaN: true });
    const position = fc.record({ reward: number, value: number, response: fc.boolean() });
    fc.assert(
      fc.property(fc.array(position, { maxLength: 12 }), (positions) => {
        const options = { gamma: 0.97, lambda: 0.9 };
        const padded = generalisedAdvantages(
          positions.map((p) => p.reward),
          positions.map((p) => p.value),
          { ...options, responseMask: positions.map((p) => p.response) },
        );
        const kept = positions.filter((p) => p.response);
        const plain = generalisedAdvantages(
          kept.map((p) => p.reward),
          kept.map((p) => p.value),
          options,
        );
        expect([...padded].filter((_, t) => positions[t]!.response)).toEqual([...plain]);
        expect([...padded].every((a, t) => positions[t]!.response || a === 0)).toBe(true);
      }),
    );
  });

  it('refuses rewards and values of different lengths', () => {
    expect(() => generalisedAdvantages([1, 2], [1], { gamma: 1, lambda: 1 })).toThrow(
      '1 values for 2 rewards',
    );
  });
});
