/** From a rollout to rewards, metrics and what PPO learns from; learning rates; settings left out. */
import type { OptimiseConfiguration } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { settledScores } from './end-of-text.js';
import { iterationLearningRate } from '../optimisers/learning-rate.js';
import { completeSettings } from '../optimisers/optimise-settings.js';
import { ppo } from '../optimisers/ppo.js';
import type { Rollout } from './rollout.js';
import { rolloutMetrics } from './rollout-metrics.js';
import { sequenceRewards, tokenRewards } from './token-rewards.js';
import { updateMetrics } from '../optimisers/update-metrics.js';

const END = 9;

/** Two responses of three positions; the second ends after two tokens, and what stands behind means nothing. */
const rollout: Rollout = {
  size: 2,
  responsesPerPrompt: 1,
  length: 4,
  responseTokens: 3,
  sequences: [
    { promptTokens: [1], responseTokens: [2, 3, 4] },
    { promptTokens: [1], responseTokens: [5, END] },
  ],
  tokens: Int32Array.of(1, 2, 3, 4, 1, 5, END, 0),
  responseMask: Float32Array.of(1, 1, 1, 1, 1, 0),
  oldLogProbabilities: Float32Array.of(-1, -2, -3, -0.5, -0.25, -77),
  oldValues: Float32Array.of(0, 0, 0, 0, 0, 55),
  referenceLogProbabilities: Float32Array.of(-1.5, -2, -2.5, -1.5, -0.25, 99),
  scores: Float32Array.of(2, -1),
  seconds: { sampling: 0, scoring: 0 },
  engineLogProbabilities: [
    [-1, -2.125, -3],
    [-0.5, -0.25],
  ],
};
const kl = { estimator: 'k1', placement: 'reward' } as const;

describe('rewards of tokens', () => {
  it('are the KL penalty, and the score on the last token of the response', () => {
    const found = [...tokenRewards(rollout, 0.5, kl)].map((value) => value + 0);
    expect(found).toEqual([-0.25, 0, 0.25 + 2, -0.5, -1, 0]);
    expect([...sequenceRewards(rollout, 0.5, kl)]).toEqual([2, -1.5]);
  });

  it('have the estimator that is asked for, and no penalty where it is in the loss', () => {
    const [first] = tokenRewards(rollout, 0.5, { ...kl, estimator: 'k2' });
    expect(first).toBeCloseTo(-0.5 * 0.125, 6);
    const inLoss = [...tokenRewards(rollout, 0.5, { ...kl, placement: 'loss' })].map((value) => value + 0);
    expect(inLoss).toEqual([0, 0, 2, 0, -1, 0]);
  });
});

describe('metrics of a rollout', () => {
  it('are sums over response tokens and means over sequences', () => {
    expect(rolloutMetrics(rollout, 0.5, 'k1', END)).toEqual({
      // (0.5 + 0 − 0.5 + 1 + 0)/2
      'objective/kl': 0.5,
      'objective/entropy': (6 + 0.75) / 2,
      'objective/scores': 0.5,
      'objective/non_score_reward': -0.25,
      'objective/rlhf_reward': 0.25,
      'val/num_eos_tokens': 1,
      'completions/mean_length': 2.5,
      'val/engine_gap': 0.125,
    });
  });
});

describe('responses that do not end', () => {
  it.each([
    ['off', [2, -1]],
    ['constant', [-5, -1]],
    ['penalty', [7, -1]],
  ] as const)('are worth by the rule %s', (rule, expected) => {
    expect([...settledScores(rollout, { rule, value: -5 }, END)]).toEqual(expected);
  });
});

describe('what PPO learns from', () => {
  const settings = (changes: Partial<OptimiseConfiguration>) =>
    completeSettings({
      ...{ gamma: 1, lambda: 1, whitenRewards: false, ...changes },
      kl: { controller: 'fixed', coefficient: 0.5, target: 6, horizon: 1 },
    } as OptimiseConfiguration);

  it('with values of 0 and λ = 1: the rewards from each token on; nothing of what follows the end', () => {
    const { values } = ppo.experience(rollout, settings({ whitenAdvantages: false }), 0.5);
    expect([...values['advantages']!]).toEqual([2, 2.25, 2.25, -1.5, -1, 0]);
    expect([...values['returns']!]).toEqual([2, 2.25, 2.25, -1.5, -1, 0]);
  });

  it('whitened: advantages of mean 0 and variance 1 over response tokens, returns as they were', () => {
    const { values } = ppo.experience(rollout, settings({}), 0.5);
    const advantages = [...values['advantages']!].slice(0, 5);
    expect(advantages.reduce((a, b) => a + b, 0) / 5).toBeCloseTo(0, 6);
    expect(advantages.reduce((a, b) => a + b * b, 0) / 5).toBeCloseTo(1, 5);
    expect(values['advantages']![5]).toBe(0);
    expect([...values['returns']!]).toEqual([2, 2.25, 2.25, -1.5, -1, 0]);
  });

  it('with whitened rewards: their mean stays, their variance is 1', () => {
    const { values } = ppo.experience(
      rollout,
      settings({ whitenRewards: true, whitenAdvantages: false, lambda: 0, gamma: 0 }),
      0.5,
    );
    const rewards = [...values['advantages']!].slice(0, 5);
    const mean = rewards.reduce((a, b) => a + b, 0) / 5;
    expect(mean).toBeCloseTo((-0.25 + 0 + 2.25 - 0.5 - 1) / 5, 6);
    expect(rewards.reduce((a, b) => a + (b - mean) ** 2, 0) / 5).toBeCloseTo(1, 5);
  });
});

describe('learning rate', () => {
  const of = (schedule: 'linear' | 'cosine' | 'constant', warmup = 0) =>
    Array.from({ length: 4 }, (_, iteration) =>
      iterationLearningRate({ learningRate: 8, schedule, warmup }, iteration, 4),
    );

  it('falls linearly to 0 after the last iteration, along a cosine, or not', () => {
    expect(of('linear')).toEqual([8, 6, 4, 2]);
    expect(of('constant')).toEqual([8, 8, 8, 8]);
    [8, 6.828427, 4, 1.171573].forEach((value, i) => expect(of('cosine')[i]).toBeCloseTo(value, 6));
  });

  it('rises to its peak first where there is a warm-up', () => {
    expect(of('linear', 2)).toEqual([4, 8, 8, 4]);
  });
});

describe('metrics of updates', () => {
  it('are means under TRL’s names, the first update’s beside them', () => {
    const update = (ratio: number) => ({ ratio, approximateKl: ratio - 1, loss: 3, gradientNorm: 2 });
    const found = updateMetrics([update(1), update(1.5), update(2)]);
    expect(found).toEqual({
      'val/ratio': 1.5,
      'val/ratio_var': 0.25,
      'policy/approxkl_avg': 0.5,
      gradientNorm: 2,
      'val/first_ratio': 1,
      'policy/first_approxkl': 0,
      updates: 3,
    });
  });
});

describe('settings left out', () => {
  it('are the documented ones', () => {
    const given = { learningRate: 1, kl: { controller: 'fixed', coefficient: 1, target: 6, horizon: 1 } };
    expect(completeSettings(given as OptimiseConfiguration)).toMatchObject({
      accumulation: 1,
      schedule: 'linear',
      warmup: 0,
      maximumGradientNorm: 1,
      adam: { form: 'pytorch', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      missingEndOfText: { rule: 'off' },
      whitenAdvantages: true,
      value: { network: 'separate', start: 'reward' },
      kl: { estimator: 'k1', placement: 'reward' },
    });
  });
});
