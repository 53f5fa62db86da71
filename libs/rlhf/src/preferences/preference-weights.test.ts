import { describe, expect, it } from 'vitest';
import type { LabeledComparison, LabeledJudgement } from './preference-data.js';
import { preferencePairs } from './preference-loss.js';
import { weightedComparisons } from './preference-weights.js';

const RESPONSE = { promptTokens: [1], responseTokens: [2] };

function judgement(change: Partial<LabeledJudgement> & { tie?: true } = {}): LabeledJudgement {
  const { tie, ...rest } = change;
  return {
    ordinal: 0,
    pairs: preferencePairs(tie ? { outcome: 'tie', ranks: [] } : { outcome: 'ranked', ranks: [1, 2] }, 2),
    strength: null,
    margin: null,
    labeler: null,
    ...rest,
  };
}

function comparisons(...judgements: LabeledJudgement[]): LabeledComparison[] {
  return judgements.map((one, i) => ({ key: `c${i}`, responses: [RESPONSE, RESPONSE], judgements: [one] }));
}

type Settings = Parameters<typeof weightedComparisons>[1];
const pairsOf = (given: readonly LabeledComparison[], settings: Settings) =>
  weightedComparisons(given, settings).flatMap(({ judgements }) => judgements.flat());

describe('margins and weights of judgements', () => {
  const degrees = comparisons(
    judgement({ strength: 4 }),
    judgement({ strength: 3 }),
    judgement({ strength: 2 }),
    judgement({ strength: 1 }),
    judgement({ strength: 0 }),
    judgement(),
    judgement({ tie: true, strength: 0 }),
  );

  it('are 0 and 1 where nothing else is asked for', () => {
    for (const pair of pairsOf(degrees, {})) expect(pair).toMatchObject({ margin: 0, weight: 1 });
  });

  it('by Llama 2, small and large, no margin where nothing was said and none for ties', () => {
    const margins = (margin: 'small' | 'large') => pairsOf(degrees, { margin }).map((pair) => pair.margin);
    expect(margins('small')).toEqual([1, 2 / 3, 1 / 3, 0, 0, 0, 0]);
    expect(margins('large')).toEqual([3, 2, 1, 0, 0, 0, 0]);
  });

  it('as recorded', () => {
    const recorded = comparisons(
      judgement({ margin: 0.7 }),
      judgement(),
      judgement({ tie: true, margin: 2 }),
    );
    expect(pairsOf(recorded, { margin: 'recorded' }).map(({ margin }) => margin)).toEqual([0.7, 0, 0]);
  });

  it('by confidence: in proportion to it, 1 on average, and nothing where there is no lean', () => {
    const weights = pairsOf(degrees, { confidenceWeights: true }).map(({ weight }) => weight);
    expect(weights).toEqual([1.6, 1.2, 0.8, 0.4, 1, 1]);
    expect((weights[0]! + weights[1]! + weights[2]! + weights[3]!) / 4).toBeCloseTo(1, 12);
  });

  const byLabelers = comparisons(
    ...['a', 'a', 'a', 'b'].map((labeler, ordinal) => judgement({ labeler, ordinal })),
  );

  it('by labeler: all labelers weigh the same together, or as given', () => {
    const equal = pairsOf(byLabelers, { labelerWeights: 'equal' }).map(({ weight }) => weight);
    expect(equal).toEqual([2 / 3, 2 / 3, 2 / 3, 2]);
    const given = pairsOf(byLabelers, { labelerWeights: { a: 0.5 } }).map(({ weight }) => weight);
    expect(given).toEqual([0.5, 0.5, 0.5, 1]);
    expect(weightedComparisons(byLabelers, { labelerWeights: { a: 0 } }).map(({ key }) => key)).toEqual([
      'c3',
    ]);
  });

  it('are refused where the snapshot holds nothing to go by', () => {
    const plain = comparisons(judgement());
    const problem =
      (settings: Settings, given = plain) =>
      () =>
        weightedComparisons(given, settings);
    expect(problem({ margin: 'small' })).toThrow(
      'reward.margin: no judgement of inputs.preferences has a confidence',
    );
    expect(problem({ margin: 'recorded' })).toThrow(
      'reward.margin: no judgement of inputs.preferences has a margin',
    );
    expect(problem({ confidenceWeights: true })).toThrow('reward.confidenceWeights: no judgement');
    expect(problem({ labelerWeights: 'equal' })).toThrow(
      'reward.labelerWeights: inputs.preferences has judgements without a labeler',
    );
    expect(problem({ labelerWeights: { c: 2 } }, byLabelers)).toThrow(
      'reward.labelerWeights.c: no training judgement of inputs.preferences is by this labeler',
    );
  });
});
