import { describe, expect, it } from 'vitest';
import { JudgementError, ranksInOrder, type Verdict } from './judgement.js';

const IDS = ['x', 'y', 'z'];

function problem(verdict: Verdict): string {
  try {
    ranksInOrder(verdict, IDS);
  } catch (error) {
    if (error instanceof JudgementError) return `${error.path} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('ranksInOrder', () => {
  it('puts ranks into the order of the comparison set', () => {
    expect(ranksInOrder({ outcome: 'ranked', ranks: { z: 1, x: 3, y: 2 } }, IDS)).toEqual([3, 2, 1]);
    expect(ranksInOrder({ outcome: 'ranked', ranks: { x: 1, y: 2, z: 1 } }, IDS)).toEqual([1, 2, 1]);
    expect(ranksInOrder({ outcome: 'tie' }, IDS)).toEqual([]);
    expect(ranksInOrder({ outcome: 'both_bad' }, IDS)).toEqual([]);
  });

  it('names what is wrong', () => {
    expect(problem({ outcome: 'ranked' })).toBe('ranks must be present when the outcome is ranked');
    expect(problem({ outcome: 'tie', ranks: { x: 1 } })).toBe('ranks must be absent when the outcome is tie');
    expect(problem({ outcome: 'ranked', ranks: { x: 1, y: 2 } })).toBe('ranks.z is missing');
    expect(problem({ outcome: 'ranked', ranks: { x: 1, y: 2, z: 3, w: 3 } })).toBe(
      'ranks.w is not a response of this comparison',
    );
    expect(problem({ outcome: 'ranked', ranks: { x: 1, y: 4, z: 2 } })).toBe(
      'ranks.y must be a whole number from 1 to 3',
    );
    expect(problem({ outcome: 'ranked', ranks: { x: 1, y: 1.5, z: 2 } })).toBe(
      'ranks.y must be a whole number from 1 to 3',
    );
    expect(problem({ outcome: 'ranked', ranks: { x: 1, y: 3, z: 3 } })).toBe(
      'ranks must count 1, 2, … without gaps',
    );
    expect(problem({ outcome: 'ranked', ranks: { x: 1, y: 1, z: 1 } })).toBe(
      'ranks are all equal: the outcome is tie',
    );
  });
});
