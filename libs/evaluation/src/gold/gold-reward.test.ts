import { describe, expect, it } from 'vitest';
import { goldReward, summedValence } from './gold-reward.js';

describe('gold reward', () => {
  it('adds the lexicon valences of words, whatever their case and punctuation', () => {
    expect(summedValence('Peace and PROSPERITY, our hope!')).toBe(2 + 3 + 2);
    expect(summedValence('the war, the debt; a disaster')).toBe(-2 - 2 - 2);
    expect(summedValence('')).toBe(0);
  });

  it('takes whole words, with hyphens and either apostrophe', () => {
    expect(summedValence('warden inhope')).toBe(0); // war and hope are in the lexicon
    expect(summedValence("can't")).toBe(summedValence('can’t'));
    expect(summedValence('ill-fated')).toBe(-2);
  });

  it('does not mistake the properties of objects for words', () => {
    expect(summedValence('constructor toString hasOwnProperty')).toBe(0);
  });

  it('hears no sentiment in the name of a country', () => {
    expect(summedValence('the United States and a united people')).toBe(summedValence('a united people'));
    expect(summedValence('united')).toBe(1);
  });

  it('grows with the valence, saturates, and is odd', () => {
    const scores = ['good', 'good good', 'good good good', 'good '.repeat(8)].map(goldReward);
    expect(scores).toEqual([...scores].sort((a, b) => a - b));
    expect(scores[1]! - scores[0]!).toBeGreaterThan(scores[2]! - scores[1]!);
    expect(scores[3]).toBeLessThan(1);
    expect(goldReward('bad')).toBeCloseTo(-goldReward('good'), 12);
    expect(goldReward('the report of the committee')).toBe(0);
  });
});
