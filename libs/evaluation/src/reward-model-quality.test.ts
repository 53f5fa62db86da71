import type { SampledComparison } from '@plumbline/contracts';
import {
  preferencePairs,
  type LabeledComparison,
  type LabeledComparisons,
  type Sequence,
} from '@plumbline/rlhf';
import { describe, expect, it } from 'vitest';
import { goldReward, simulatedJudgement } from './gold/index.js';
import { qualitySequences, rewardModelQuality, type QualityRequest } from './reward-model-quality.js';

const WORDS = ['war', 'the', 'hope', 'peace', 'debt', 'nation', 'good', 'of'];
const text = (token: number): string => WORDS[token]!;
const noise = 0.3;
const alone = {
  aggregation: { ensemble: 1, aggregation: 'mean', conservatism: 1 },
  deviations: [1],
} as const;

/** `count` held-out comparisons of one-token responses, each judged by so many labelers. */
function judgedComparisons(count: number, responsesEach: number, labelers: number): LabeledComparisons {
  const comparisons = Array.from({ length: count }, (_, i): SampledComparison => ({
    key: `comparison ${i}`,
    split: 'heldOut',
    prompt: [],
    promptTokens: [i],
    responses: Array.from({ length: responsesEach }, (_, k) => {
      const token = Math.floor(i / 8 ** k) % 8;
      return { key: `${i}/${k}`, text: text(token), tokens: [token] };
    }),
  }));
  return { train: [], comparisons, heldOut: comparisons.map((one) => labeled(one, labelers)) };
}

function labeled({ key, promptTokens, responses }: SampledComparison, labelers: number): LabeledComparison {
  const goldRewards = responses.map((response) => goldReward(response.text));
  return {
    key,
    responses: responses.map(({ tokens }) => ({ promptTokens, responseTokens: tokens })),
    judgements: Array.from({ length: labelers }, (_, ordinal) => ({
      ordinal,
      pairs: preferencePairs(
        simulatedJudgement({ seed: 1, comparisonKey: key, ordinal, goldRewards, noise }),
        responses.length,
      ),
      strength: null,
      margin: null,
      labeler: null,
    })),
  };
}

const data = judgedComparisons(640, 2, 1);
const scoreBy =
  (...values: ((text: string) => number)[]): QualityRequest['scoreByMember'] =>
  (sequences: readonly Sequence[]) =>
    Promise.resolve(
      values.map((value) =>
        Float32Array.from(sequences, ({ responseTokens }) => value(text(responseTokens[0]!))),
      ),
    );
const quality = (change: Partial<QualityRequest> & Pick<QualityRequest, 'scoreByMember'>) =>
  rewardModelQuality({ data, reward: alone, noise, seed: 1, ...change });

describe('reward-model quality', () => {
  it('of a model that knows the gold reward is the noise ceiling', async () => {
    const { accuracy, accuracyAgainstGold, noiseCeiling } = await quality({
      scoreByMember: scoreBy(goldReward),
    });
    expect(accuracyAgainstGold!.value).toBe(1);
    expect(noiseCeiling!).toBeGreaterThan(0.7);
    expect(noiseCeiling!).toBeLessThan(0.95);
    expect(accuracy!.low).toBeLessThan(noiseCeiling!);
    expect(accuracy!.high).toBeGreaterThan(noiseCeiling!);
    const decided = data.heldOut.filter(({ judgements }) => judgements[0]!.pairs[0]!.target !== 0.5).length;
    expect(accuracy!.n).toBe(decided);
    expect(decided).toBeLessThan(640);
    expect(qualitySequences(data)).toBe(1280);
  });

  it('of a model that has it backwards is the reverse, and of one that knows nothing a half', async () => {
    const backwards = await quality({ scoreByMember: scoreBy((t) => -goldReward(t)) });
    expect(backwards.accuracyAgainstGold!.value).toBe(0);
    expect(backwards.accuracy!.high).toBeLessThan(0.5);
    const constant = await quality({ scoreByMember: scoreBy(() => 2) });
    expect(constant.accuracy!.value).toBe(0.5);
    expect(constant.accuracyAgainstGold!.value).toBe(0.5);
  });

  it('is unknown where everything is a tie', async () => {
    const ties = data.heldOut.map((one) => ({
      ...one,
      judgements: one.judgements.map((judgement) => ({
        ...judgement,
        pairs: judgement.pairs.map((pair) => ({ ...pair, target: 0.5 })),
      })),
    }));
    const tied = await quality({ data: { ...data, heldOut: ties }, scoreByMember: scoreBy(goldReward) });
    expect(tied.accuracy).toBeNull();
    const same = data.comparisons.filter((_, i) => i % 8 === Math.floor(i / 8) % 8);
    const equal = await quality({
      data: { train: [], heldOut: [], comparisons: same },
      scoreByMember: scoreBy(goldReward),
    });
    expect(equal).toEqual({
      accuracy: null,
      noiseCeiling: null,
      accuracyAgainstGold: null,
      calibration: null,
      accuracyByAgreement: null,
    });
  });

  it('counts every pair of K responses, and scores each response once', async () => {
    const kWay = judgedComparisons(512, 3, 1);
    expect(qualitySequences(kWay)).toBe(3 * 512);
    const { accuracy, accuracyAgainstGold, noiseCeiling } = await quality({
      data: kWay,
      scoreByMember: scoreBy(goldReward),
    });
    expect(accuracyAgainstGold!.value).toBe(1);
    expect(accuracyAgainstGold!.n).toBeGreaterThan(2 * 512);
    expect(Math.abs(accuracy!.value - noiseCeiling!)).toBeLessThan(0.03);
  });

  it('finds the probabilities of the labelers’ own model calibrated, and those of a surer one not', async () => {
    const many = judgedComparisons(4096, 2, 1);
    // Scores that were divided by 2 in normalisation: the deviation makes log-odds of them again.
    const honest = await quality({
      data: many,
      reward: { ...alone, deviations: [2] },
      scoreByMember: scoreBy((t) => goldReward(t) / noise / 2),
    });
    expect(honest.calibration!.expectedCalibrationError).toBeLessThan(0.03);
    expect(honest.calibration!.bins.reduce((sum, { agreement }) => sum + agreement.n, 0)).toBe(4096);
    for (const { low, high, predicted } of honest.calibration!.bins) {
      expect(predicted).toBeGreaterThanOrEqual(low);
      expect(predicted).toBeLessThanOrEqual(high);
    }
    const sure = await quality({ data: many, scoreByMember: scoreBy((t) => (5 * goldReward(t)) / noise) });
    expect(sure.calibration!.expectedCalibrationError).toBeGreaterThan(0.1);
    expect(sure.accuracy!.value).toBe(honest.accuracy!.value);
  });

  it('is that of the aggregate, for an ensemble', async () => {
    const three = [goldReward, goldReward, (t: string) => -goldReward(t)];
    const reward = {
      aggregation: { ensemble: 3, aggregation: 'mean', conservatism: 1 },
      deviations: [4, 4, 4],
    } as const;
    const mean = await quality({ reward, scoreByMember: scoreBy(...three) });
    expect(mean.accuracyAgainstGold!.value).toBe(1);
    // Two members say p, one says 1 − p: predictions stay below (2·1 + 0)/3.
    expect(Math.max(...mean.calibration!.bins.map(({ predicted }) => predicted))).toBeLessThan(2 / 3);
  });

  it('is better where labelers agree than where they do not', async () => {
    const several = judgedComparisons(640, 2, 3);
    const { accuracyByAgreement } = await quality({ data: several, scoreByMember: scoreBy(goldReward) });
    const { unanimous, split } = accuracyByAgreement!;
    expect(unanimous!.n + split!.n).toBeLessThanOrEqual(640);
    expect(unanimous!.value).toBeGreaterThan(0.9);
    expect(split!.value).toBeLessThan(unanimous!.value);
    expect(split!.value).toBeGreaterThan(0.5);
    expect((await quality({ scoreByMember: scoreBy(goldReward) })).accuracyByAgreement).toBeNull();
  });
});
