import type { SampledComparison } from '@plumbline/contracts';
import type { PreferenceData, Sequence } from '@plumbline/rlhf';
import { describe, expect, it } from 'vitest';
import { goldReward } from './gold/index.js';
import { simulatedJudgement } from './gold/index.js';
import { rewardModelQuality } from './reward-model-quality.js';

const WORDS = ['war', 'the', 'hope', 'peace', 'debt', 'nation', 'good', 'of'];
const text = (token: number): string => WORDS[token]!;
const noise = 0.3;

/** Every pair of words as a held-out comparison of one-token responses, several times over. */
const comparisons: SampledComparison[] = Array.from({ length: 640 }, (_, i) => ({
  key: `comparison ${i}`,
  split: 'heldOut',
  prompt: [],
  promptTokens: [i],
  responses: [i % 8, Math.floor(i / 8) % 8].map((token, index) => ({
    key: `${i}/${index}`,
    text: text(token),
    tokens: [token],
  })),
}));
const data: PreferenceData = {
  train: [],
  comparisons,
  heldOut: comparisons.map(({ key, promptTokens, responses }) => {
    const goldRewards = responses.map((response) => goldReward(response.text));
    const { outcome, ranks } = simulatedJudgement({
      seed: 1,
      comparisonKey: key,
      ordinal: 0,
      goldRewards,
      noise,
    });
    const [first, second] = responses.map(({ tokens }) => ({ promptTokens, responseTokens: tokens }));
    const target = outcome === 'tie' ? 0.5 : ranks[0] === 1 ? 1 : 0;
    return { comparison: key, first: first!, second: second!, target, weight: 1 };
  }),
};
const scoreBy = (value: (text: string) => number) => (sequences: readonly Sequence[]) =>
  Promise.resolve(Float32Array.from(sequences, ({ responseTokens }) => value(text(responseTokens[0]!))));

describe('reward-model quality', () => {
  it('of a model that knows the gold reward is the noise ceiling', async () => {
    const quality = await rewardModelQuality({ data, score: scoreBy(goldReward), noise, seed: 1 });
    expect(quality.accuracyAgainstGold!.value).toBe(1);
    expect(quality.noiseCeiling!).toBeGreaterThan(0.7);
    expect(quality.noiseCeiling!).toBeLessThan(0.95);
    expect(quality.accuracy!.low).toBeLessThan(quality.noiseCeiling!);
    expect(quality.accuracy!.high).toBeGreaterThan(quality.noiseCeiling!);
    const decided = data.heldOut.filter(({ target }) => target !== 0.5).length;
    expect(quality.accuracy!.n).toBe(decided);
    expect(decided).toBeLessThan(640);
  });

  it('of a model that has it backwards is the reverse, and of one that knows nothing a half', async () => {
    const backwards = await rewardModelQuality({
      data,
      score: scoreBy((t) => -goldReward(t)),
      noise,
      seed: 1,
    });
    expect(backwards.accuracyAgainstGold!.value).toBe(0);
    expect(backwards.accuracy!.high).toBeLessThan(0.5);
    const constant = await rewardModelQuality({ data, score: scoreBy(() => 2), noise, seed: 1 });
    expect(constant.accuracy!.value).toBe(0.5);
    expect(constant.accuracyAgainstGold!.value).toBe(0.5);
  });

  it('is unknown where everything is a tie', async () => {
    const ties = { ...data, heldOut: data.heldOut.map((pair) => ({ ...pair, target: 0.5 })) };
    const quality = await rewardModelQuality({ data: ties, score: scoreBy(goldReward), noise, seed: 1 });
    expect(quality.accuracy).toBeNull();
    const same = comparisons.filter((_, i) => i % 8 === Math.floor(i / 8) % 8);
    const equal = await rewardModelQuality({
      data: { train: [], heldOut: [], comparisons: same },
      score: scoreBy(goldReward),
      noise,
      seed: 1,
    });
    expect(equal).toEqual({ accuracy: null, noiseCeiling: null, accuracyAgainstGold: null });
  });
});
