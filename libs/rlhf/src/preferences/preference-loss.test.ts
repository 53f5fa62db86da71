import { describe, expect, it } from 'vitest';
import { bradleyTerryLoss, judgementLoss, preferencePairs } from './preference-loss.js';

describe('Bradley-Terry loss', () => {
  it('of a reward gap of 0 and 1', () => {
    expect(bradleyTerryLoss(0)).toBeCloseTo(0.693147, 6);
    expect(bradleyTerryLoss(1)).toBeCloseTo(0.313262, 6);
  });

  it('of a tie at a gap of 1', () => {
    expect(bradleyTerryLoss(1, 0.5)).toBeCloseTo(0.813262, 6);
  });

  it('stays finite at gaps that overflow an exponential', () => {
    expect(bradleyTerryLoss(2000)).toBe(0);
    expect(bradleyTerryLoss(-2000)).toBe(2000);
  });
});

describe('K-way ranking', () => {
  it('is the mean over all pairs: rewards 2, 1, 0, −1 in ranked order', () => {
    expect(judgementLoss([2, 1, 0, -1], { outcome: 'ranked', ranks: [1, 2, 3, 4] })).toBeCloseTo(0.207038, 6);
  });

  it('does not depend on the order in which responses are listed', () => {
    expect(judgementLoss([0, 2, -1, 1], { outcome: 'ranked', ranks: [3, 1, 4, 2] })).toBeCloseTo(0.207038, 6);
  });
});

describe('what a judgement teaches', () => {
  it('a preferred response has target 1 when listed first and 0 when listed second', () => {
    expect(preferencePairs({ outcome: 'ranked', ranks: [1, 2] }, 2)).toEqual([
      { first: 0, second: 1, target: 1, weight: 1 },
    ]);
    expect(preferencePairs({ outcome: 'ranked', ranks: [2, 1] }, 2)[0]!.target).toBe(0);
  });

  it('a tie has target ½, both bad teaches nothing', () => {
    expect(preferencePairs({ outcome: 'tie', ranks: [] }, 2)[0]!.target).toBe(0.5);
    expect(preferencePairs({ outcome: 'both_bad', ranks: [] }, 2)).toEqual([]);
  });

  it('equal ranks are ties within a ranking, and weights add up to 1', () => {
    const pairs = preferencePairs({ outcome: 'ranked', ranks: [1, 1, 2] }, 3);
    expect(pairs.map(({ target }) => target)).toEqual([0.5, 1, 1]);
    expect(pairs.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
  });

  it('refuses ranks that leave a response out', () => {
    expect(() => preferencePairs({ outcome: 'ranked', ranks: [1] }, 2)).toThrow('1 ranks for 2 responses');
  });
});
