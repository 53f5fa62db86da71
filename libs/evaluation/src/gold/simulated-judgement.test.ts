import { describe, expect, it } from 'vitest';
import { noiseCeiling } from './noise-ceiling.js';
import { preferenceProbability, simulatedJudgement } from './simulated-judgement.js';

const comparison = { seed: 1, comparisonKey: 'c', ordinal: 0, goldRewards: [0.2, 0.5], noise: 0.3 };
const many = Array.from({ length: 4000 }, (_, i) => ({ ...comparison, comparisonKey: `comparison ${i}` }));

describe('simulated judgement', () => {
  it('depends on seed, comparison and ordinal, and on nothing else', () => {
    const judge = (change: Partial<typeof comparison>): string =>
      many.map((input) => simulatedJudgement({ ...input, ...change }).ranks.join()).join(' ');
    expect(judge({})).toBe(judge({}));
    expect(judge({})).not.toBe(judge({ seed: 2 }));
    expect(judge({})).not.toBe(judge({ ordinal: 1 }));
  });

  it('prefers as often as Bradley and Terry say', () => {
    const preferred = many.filter((input) => simulatedJudgement(input).ranks[1] === 1).length / many.length;
    // σ(1) = 0.7311, four standard errors of 4000 draws
    expect(Math.abs(preferred - 0.7311)).toBeLessThan(4 * Math.sqrt((0.7311 * 0.2689) / many.length));
  });

  it('ranks K responses, every pair by the same law', () => {
    const goldRewards = [0, 0.3, 0.9];
    const judgements = many.map((input) => simulatedJudgement({ ...input, goldRewards }));
    for (const { ranks } of judgements) expect([...ranks].sort()).toEqual([1, 2, 3]);
    const share = judgements.filter(({ ranks }) => ranks[2]! < ranks[0]!).length / many.length;
    expect(Math.abs(share - preferenceProbability(0.9, 0, 0.3))).toBeLessThan(0.02);
  });

  it('gives responses with the same gold reward the same rank, ranks counting without gaps', () => {
    const ranksOf = (change: Partial<typeof comparison>) =>
      many.map((input) => simulatedJudgement({ ...input, ...change }).ranks);
    const goldRewards = [0.2, 0.9, 0.2, 0.5];
    for (const ranks of ranksOf({ goldRewards })) {
      expect(ranks[0]).toBe(ranks[2]);
      expect([...new Set(ranks)].sort()).toEqual([1, 2, 3]);
    }
    expect(ranksOf({ goldRewards, noise: 0 })[0]).toEqual([3, 1, 3, 2]);
  });

  it('calls equal gold rewards a tie and, without noise, never errs', () => {
    expect(simulatedJudgement({ ...comparison, goldRewards: [0.5, 0.5] })).toEqual({
      outcome: 'tie',
      ranks: [],
    });
    expect(many.every((input) => simulatedJudgement({ ...input, noise: 0 }).ranks.join() === '2,1')).toBe(
      true,
    );
  });

  it('refuses what it cannot judge', () => {
    expect(() => simulatedJudgement({ ...comparison, goldRewards: [1] })).toThrow(
      'a comparison of 1 responses',
    );
    expect(() => simulatedJudgement({ ...comparison, goldRewards: [1, NaN] })).toThrow('gold rewards 1, NaN');
    expect(() => simulatedJudgement({ ...comparison, noise: -1 })).toThrow('noise -1');
  });
});

describe('noise ceiling', () => {
  it('is what a predictor that knows the gold reward attains', () => {
    const pairs = many.map((input, i) => ({ ...input, goldRewards: [0, (i % 7) / 10] as const }));
    const judged = pairs
      .map((input) => simulatedJudgement(input))
      .filter(({ outcome }) => outcome === 'ranked');
    const attained = judged.filter(({ ranks }) => ranks[1] === 1).length / judged.length;
    expect(Math.abs(noiseCeiling(pairs, 0.3)! - attained)).toBeLessThan(0.03);
  });

  it('is 1 without noise and ignores ties', () => {
    expect(noiseCeiling([{ goldRewards: [0, 1] }, { goldRewards: [2, 2] }], 0)).toBe(1);
    expect(noiseCeiling([{ goldRewards: [2, 2] }], 0.3)).toBeNull();
  });
});
