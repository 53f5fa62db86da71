import { leakedTensors, loadTensorFlow, tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { fromTensorMap, initialise, toTensorMap, type Parameters } from '@plumbline/model';
import { EAGER_FP32, Trainer, type Batch } from '@plumbline/training';
import { beforeAll, describe, expect, it } from 'vitest';
import { bradleyTerryLoss, judgementLoss, preferencePairs } from '../preferences/preference-loss.js';
import type { WeightedComparison, WeightedPair } from '../preferences/preference-weights.js';
import { pairIndices, rewardBatch, rewardBatchShape } from './reward-batch.js';
import { rewardLoss } from './reward-loss.js';
import { initialRewardModel, scoreSequences } from './reward-model.js';
import type { Sequence } from '../sequences.js';

const model: ModelConfiguration = { layers: 1, heads: 2, width: 8, context: 8, vocabulary: 20 };
const LENGTH = 6;

let weights: ReturnType<typeof initialRewardModel>;
let parameters: Parameters;
beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
  weights = initialRewardModel(toTensorMap(initialise(model, 1)), model.width, 1);
  parameters = fromTensorMap(weights);
});

/** Responses of 1 to 3 tokens, no two comparisons alike. */
function responses(comparison: number, count: number): Sequence[] {
  return Array.from({ length: count }, (_, k) => ({
    promptTokens: [comparison + 1, 2, 3],
    responseTokens: [5 + comparison, 6 + k, 9].slice(0, 1 + (k % 3)),
  }));
}

/** A judgement of so many responses by ranks; empty: a tie. */
function judged(ranks: readonly number[], count = ranks.length, margin = 0): WeightedPair[] {
  const outcome = ranks.length === 0 ? 'tie' : 'ranked';
  return preferencePairs({ outcome, ranks }, count).map((pair) => ({
    ...pair,
    margin: pair.target === 0.5 ? 0 : margin,
  }));
}

function comparison(index: number, count: number, judgements: readonly WeightedPair[][]): WeightedComparison {
  return { key: `comparison ${index}`, responses: responses(index, count), judgements };
}

const batchOf = (comparisons: readonly WeightedComparison[]): Batch =>
  rewardBatch(comparisons, rewardBatchShape(comparisons, LENGTH));
const lossOf = (comparisons: readonly WeightedComparison[], centring = 0): number =>
  rewardLoss(parameters, model, batchOf(comparisons), { centring }).loss.dataSync()[0]!;
const scoresOf = (sequences: readonly Sequence[]): Promise<Float32Array> =>
  scoreSequences(parameters, model, sequences, { length: LENGTH });

describe('reward-model loss', () => {
  it('of pairs is the Bradley-Terry loss, ties and weights included', async () => {
    const preferred = comparison(0, 2, [judged([1, 2])]);
    const tie = comparison(1, 2, [judged([], 2).map((pair) => ({ ...pair, weight: 3 }))]);
    const [a, b] = await scoresOf(preferred.responses);
    const [c, d] = await scoresOf(tie.responses);
    const expected = (bradleyTerryLoss(a! - b!, 1) + 3 * bradleyTerryLoss(c! - d!, 0.5)) / 4;
    expect(lossOf([preferred, tie])).toBeCloseTo(expected, 5);
  });

  it('of a K-way ranking is the mean over all pairs, each comparison weighing the same', async () => {
    const ranks = [
      [3, 1, 4, 2],
      [1, 2, 2, 3],
    ];
    const comparisons = ranks.map((list, i) => comparison(i, 4, [judged(list)]));
    const losses = await Promise.all(
      comparisons.map(async ({ responses }, i) =>
        judgementLoss(await scoresOf(responses), { outcome: 'ranked', ranks: ranks[i]! }),
      ),
    );
    expect(lossOf(comparisons)).toBeCloseTo((losses[0]! + losses[1]!) / 2, 5);
  });

  it('is the same for 4 responses whether ranked at once or pair by pair', () => {
    const together = comparison(0, 4, [judged([2, 4, 1, 3])]);
    const pairs = together.judgements[0]!.map(({ first, second, target }): WeightedComparison => ({
      key: 'pair',
      responses: [together.responses[first]!, together.responses[second]!],
      judgements: [[{ first: 0, second: 1, target, weight: 1, margin: 0 }]],
    }));
    expect(lossOf([together])).toBeCloseTo(lossOf(pairs), 5);
  });

  it('passes each response through the model once, whatever it is compared with and however often', () => {
    const nine = comparison(0, 9, [judged([1, 2, 3, 4, 5, 6, 7, 8, 9]), judged([2, 1, 3, 4, 5, 6, 7, 8, 9])]);
    const batch = batchOf([nine]);
    expect(batch['tokens']!.shape).toEqual([1, 9, LENGTH]);
    expect(batch['targets']!.shape).toEqual([1, 1, 36]);
    // The judgements differ about one pair only: to its target of ½, of the rest they are one.
    const targets = [...batch['targets']!.dataSync()];
    expect(targets.filter((target) => target === 0.5)).toHaveLength(1);
    expect(targets.filter((target) => target === 1)).toHaveLength(35);
    expect(lossOf([nine])).toBeCloseTo(
      (lossOf([{ ...nine, judgements: [nine.judgements[0]!] }]) +
        lossOf([{ ...nine, judgements: [nine.judgements[1]!] }])) /
        2,
      5,
    );
  });

  it('fills smaller comparisons up, which changes nothing', () => {
    const large = comparison(0, 5, [judged([1, 2, 3, 4, 5])]);
    const small = comparison(1, 2, [judged([2, 1])]);
    expect(batchOf([large, small])['tokens']!.shape).toEqual([2, 5, LENGTH]);
    expect(lossOf([large, small])).toBeCloseTo((lossOf([large]) + lossOf([small])) / 2, 5);
  });

  it('with a margin wants the better response to win by it', async () => {
    const two = comparison(0, 2, [judged([2, 1], 2, 2 / 3), judged([], 2)]);
    const [a, b] = await scoresOf(two.responses);
    const expected = (bradleyTerryLoss(b! - a! - 2 / 3) + bradleyTerryLoss(a! - b!, 0.5)) / 2;
    expect(lossOf([two])).toBeCloseTo(expected, 5);
    // −log σ(1 − 1) and, the other way round, −log σ(−1 − 1)
    expect(bradleyTerryLoss(1, 1, 1)).toBeCloseTo(Math.LN2, 12);
    expect(bradleyTerryLoss(1, 0, 1)).toBeCloseTo(Math.log(1 + Math.exp(2)), 12);
  });

  it('with centring pulls the rewards of a pair towards a sum of 0', async () => {
    const two = comparison(0, 2, [judged([1, 2])]);
    const [a, b] = await scoresOf(two.responses);
    expect(lossOf([two], 0.01)).toBeCloseTo(bradleyTerryLoss(a! - b!) + 0.01 * (a! + b!) ** 2, 5);
    const { metrics } = rewardLoss(parameters, model, batchOf([two]), { centring: 0.01 });
    expect(metrics!['centringPenalty']!.dataSync()[0]).toBeCloseTo((a! + b!) ** 2, 5);
  });

  it('centres rewards whose level no preference fixes', async () => {
    const ties = [0, 1, 2].map((i) => comparison(i, 2, [judged([], 2)]));
    const shifted = { ...weights, 'score.bias': { ...weights['score.bias']!, data: Float32Array.of(3) } };
    const levelAfter = async (centring: number): Promise<number> => {
      const trainer = new Trainer({
        loss: (given, batch) => rewardLoss(given, model, batch, { centring }),
        adamW: { weightDecay: 0 },
        maximumGradientNorm: 1,
        weights: shifted,
      });
      for (let update = 0; update < 40; update++) trainer.update(batchOf(ties), 0.1);
      const sequences = ties.flatMap((one) => one.responses);
      const scores = await scoreSequences(trainer.parameters, model, sequences, { length: LENGTH });
      trainer.dispose();
      return scores.reduce((sum, score) => sum + score, 0) / scores.length;
    };
    expect(Math.abs(await levelAfter(0.1))).toBeLessThan(0.5);
    expect(await levelAfter(0)).toBeGreaterThan(1.5);
  });

  it('is a mean over comparisons that may be computed in parts', () => {
    const comparisons = [0, 1, 2, 3].map((i) => comparison(i, 3, [judged(i % 2 ? [1, 2, 3] : [3, 1, 2])]));
    comparisons[3] = { ...comparisons[3]!, judgements: [...comparisons[3]!.judgements, judged([2, 1, 3])] };
    const updated = (rowShards: number): { loss: number; head: number[] } => {
      const trainer = new Trainer({
        loss: (given, batch) => rewardLoss(given, model, batch, { centring: 0.01 }),
        adamW: { weightDecay: 0 },
        maximumGradientNorm: 1,
        meanOverRows: true,
        weights,
        plan: { ...EAGER_FP32, rowShards },
      });
      const { loss } = trainer.update(batchOf(comparisons), 0.01);
      const head = [...trainer.snapshot().weights['score.weight']!.data];
      trainer.dispose();
      return { loss: loss!, head };
    };
    const [whole, parts] = [updated(1), updated(2)];
    expect(parts.loss).toBeCloseTo(whole.loss, 5);
    parts.head.forEach((value, i) => expect(value).toBeCloseTo(whole.head[i]!, 4));
  });
});

describe('batches of comparisons', () => {
  it('have one shape in all of a step, so that one program does', () => {
    const comparisons = [2, 4, 3].map((count, i) =>
      comparison(i, count, [
        judged(
          Array.from({ length: count }, (_, k) => k + 1),
          count,
          i === 0 ? 1 : 0,
        ),
      ]),
    );
    const shape = rewardBatchShape(comparisons, LENGTH);
    expect(shape).toEqual({ responses: 4, judgements: 1, length: LENGTH, hasMargins: true });
    const shapes = comparisons.map((one) =>
      Object.fromEntries(
        Object.entries(rewardBatch([one, one], shape)).map(([name, tensor]) => [name, tensor.shape]),
      ),
    );
    expect(shapes[0]).toEqual({
      tokens: [2, 4, LENGTH],
      lastPositions: [2, 4],
      targets: [2, 1, 6],
      weights: [2, 1, 6],
      margins: [2, 1, 6],
    });
    expect(shapes[1]).toEqual(shapes[0]);
    expect(shapes[2]).toEqual(shapes[0]);
  });

  it('list pairs first by their first response', () => {
    expect(pairIndices(2)).toEqual([[0, 1]]);
    expect(pairIndices(4).map(([a, b]) => `${a}${b}`)).toEqual(['01', '02', '03', '12', '13', '23']);
  });

  it('leave no tensors behind', async () => {
    const comparisons = [comparison(0, 3, [judged([1, 2, 3])])];
    const leaked = await leakedTensors(() => {
      const batch = batchOf(comparisons);
      const values = tf.tidy(() => rewardLoss(parameters, model, batch, { centring: 1 }).loss);
      tf.dispose([values, ...Object.values(batch)]);
      return Promise.resolve();
    });
    expect(leaked).toBe(0);
  });
});
