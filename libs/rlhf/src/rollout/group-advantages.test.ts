import { describe, expect, it } from 'vitest';
import { groupAdvantages, groupMetrics, leaveOneOutAdvantages } from './group-advantages.js';

describe('leave-one-out advantages', () => {
  it('are rewards less the mean of the others of the same prompt', () => {
    // Two prompts of three responses: 1 − (2 + 6)/2, 2 − (1 + 6)/2, 6 − (1 + 2)/2; and three alike.
    expect([...leaveOneOutAdvantages([1, 2, 6, 5, 5, 5], 3)]).toEqual([-3, -1.5, 4.5, 0, 0, 0]);
  });

  it('add up to 0 within a prompt, whatever another prompt is worth', () => {
    const here = [0.3, -1, 2.5, 0.1];
    const alone = leaveOneOutAdvantages(here, 4);
    const beside = leaveOneOutAdvantages([...here, 100, 200, 300, 400], 4);
    expect([...beside.slice(0, 4)]).toEqual([...alone]);
    expect(alone.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 12);
  });

  it('refuse groups that are none', () => {
    expect(() => leaveOneOutAdvantages([1, 2, 3], 2)).toThrow('3 values do not divide into groups of 2');
    expect(() => leaveOneOutAdvantages([1, 2], 1)).toThrow('at least two');
  });
});

describe('group advantages', () => {
  it('are in units of the group’s sample deviation', () => {
    // Deviations of 1 (1, 2, 3) and of 10: the same advantages.
    const found = groupAdvantages([1, 2, 3, 10, 20, 30], 3, 'group');
    [-1, 0, 1, -1, 0, 1].forEach((value, i) => expect(found[i]).toBeCloseTo(value, 3));
  });

  it('are 0 where all responses are worth the same', () => {
    expect([...groupAdvantages([4, 4, 4, 4], 2, 'group')]).toEqual([0, 0, 0, 0]);
  });

  it('keep the size of the group’s differences by the batch’s deviation or none', () => {
    const rewards = [1, 3, 10, 30];
    expect([...groupAdvantages(rewards, 2, 'none')]).toEqual([-1, 1, -10, 10]);
    const byBatch = groupAdvantages(rewards, 2, 'batch');
    // Sample deviation of 1, 3, 10, 30: √((100 + 64 + 1 + 361)/3)
    expect(byBatch[1]).toBeCloseTo(1 / Math.sqrt(526 / 3), 4);
    expect(byBatch[3]! / byBatch[1]!).toBeCloseTo(10, 9);
  });

  it('say how many prompts teach nothing', () => {
    expect(groupMetrics([1, 1, 0, 2], 2)).toEqual({ reward_std: Math.SQRT2 / 2, frac_reward_zero_std: 0.5 });
  });
});
