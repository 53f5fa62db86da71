import { loadTensorFlow } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { checkShapes, initialise, parameterShapes, toTensorMap } from '@plumbline/model';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  aggregated,
  aggregationOf,
  ensembleShapes,
  joinedMembers,
  memberWeights,
} from './reward-ensemble.js';
import { initialRewardModel } from './reward-model.js';
import { rewardScorer } from './reward-scorer.js';

const model: ModelConfiguration = { layers: 1, heads: 2, width: 8, context: 8, vocabulary: 20 };

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

const members = () => {
  const transformer = toTensorMap(initialise(model, 1));
  return [0, 1, 2].map((member) => initialRewardModel(transformer, model.width, 1, member));
};

describe('aggregate of an ensemble', () => {
  const scores = [
    [1, 0],
    [2, 0],
    [6, 0],
  ].map((member) => Float32Array.from(member));

  it('is the mean, or the mean less k standard deviations', () => {
    expect([...aggregated(scores, { aggregation: 'mean', conservatism: 1 })]).toEqual([3, 0]);
    // Squared deviations 4, 1, 9 of 3 members
    const [first, second] = aggregated(scores, { aggregation: 'conservative', conservatism: 0.5 });
    expect(first).toBeCloseTo(3 - 0.5 * Math.sqrt(14 / 3), 5);
    expect(second).toBe(0);
  });

  it('of one member is its score', () => {
    expect([...aggregated([scores[1]!], { aggregation: 'conservative', conservatism: 3 })]).toEqual([2, 0]);
    expect(aggregationOf()).toEqual({ ensemble: 1, aggregation: 'mean', conservatism: 1 });
  });
});

describe('members of an ensemble', () => {
  it('share a checkpoint, the first under the names of a reward model alone', () => {
    const all = members();
    const joined = joinedMembers(all);
    checkShapes(joined, { ...parameterShapes(model), ...ensembleShapes(model, 3) });
    expect(Object.keys(all[0]!).every((name) => name in joined)).toBe(true);
    all.forEach((weights, member) => expect(memberWeights(joined, member)).toEqual(weights));
    expect(joinedMembers([all[0]!])).toEqual(all[0]);
    expect(() => checkShapes(joined, { ...parameterShapes(model), ...ensembleShapes(model, 2) })).toThrow(
      'parameter member.2.',
    );
  });

  it('have heads of their own and score apart', async () => {
    const weights = members();
    const scorer = rewardScorer({ model, members: weights, aggregation: aggregationOf({ ensemble: 3 }) }, 4);
    const sequences = [3, 4, 5].map((token) => ({ promptTokens: [1, 2], responseTokens: [token] }));
    let breaths = 0;
    const breathe = () => Promise.resolve(void (breaths += 1));
    const byMember = await scorer.scoreByMember(sequences, { breathe });
    expect(breaths).toBe(scorer.batches(3));
    expect(new Set(byMember.map((scores) => scores.join())).size).toBe(3);
    const mean = await scorer.score(sequences, { breathe });
    mean.forEach((score, i) =>
      expect(score).toBeCloseTo(
        byMember.reduce((sum, member) => sum + member[i]! / 3, 0),
        5,
      ),
    );
    const alone = rewardScorer({ model, members: weights.slice(0, 1), aggregation: aggregationOf() }, 4);
    expect(await alone.score(sequences, { breathe })).toEqual(byMember[0]);
    scorer.dispose();
    alone.dispose();
  });
});
