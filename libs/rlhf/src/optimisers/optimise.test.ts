import { readCheckpoint } from '@plumbline/artifacts';
import { leakedTensors, loadTensorFlow } from '@plumbline/compute';
import type { Algorithm, OptimiseConfiguration, RunConfiguration, StepInputs } from '@plumbline/contracts';
import { pretrain } from '@plumbline/training';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interrupted, outputs } from '../../test-support/interrupted.js';
import {
  cheerfulness,
  judgeBy,
  recordingContext,
  tinyRun,
  type RecordingContext,
  type TinyRun,
} from '../../test-support/tiny-run.js';
import {
  bestOfNKlBound,
  optimise,
  optimiseWith,
  policyWeights,
  responsesToChooseFrom,
  sample,
  trainReward,
  type OnlineState,
} from '../index.js';

let run: TinyRun;
let inputs: StepInputs;

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  run = await tinyRun('optimise');
  const { configuration, artifacts } = run;
  const model = outputs(await pretrain(configuration, {}, recordingContext(artifacts)))['model']!;
  const comparisons = outputs(await sample(configuration, { model }, recordingContext(artifacts)))[
    'comparisons'
  ]!;
  const preferences = await judgeBy(artifacts, comparisons, cheerfulness);
  inputs = { model, comparisons, preferences };
  const reward = outputs(await trainReward(configuration, inputs, recordingContext(artifacts)))['reward']!;
  inputs = { ...inputs, reward };
}, 240_000);
afterAll(() => rm(run.directory, { recursive: true }));

function configured(changes: Partial<OptimiseConfiguration>): RunConfiguration {
  return { ...run.configuration, optimise: { ...run.configuration.optimise, ...changes } };
}

const fixedKl = { controller: 'fixed', coefficient: 0.05, target: 4, horizon: 1000 } as const;
const short = { episodes: 4 * 32, checkpointEvery: 2 };

/** Every optimiser, with settings that make its state as rich as it gets. */
const VARIANTS: Readonly<Record<Algorithm, Partial<OptimiseConfiguration>>> = {
  ppo: {
    ...short,
    algorithm: 'ppo',
    accumulation: 2,
    schedule: 'cosine',
    warmup: 2,
    adam: { form: 'tensorflow1', epsilon: 1e-5 },
    whitenRewards: true,
    missingEndOfText: { rule: 'penalty', value: 0.1 },
    value: { network: 'shared' },
    heldOutPrompts: 20,
  },
  rloo: { ...short, algorithm: 'rloo', kl: fixedKl, rloo: { responsesPerPrompt: 4 } },
  grpo: {
    ...short,
    algorithm: 'grpo',
    // Some iterations stop early: the number of updates is state.
    targetKl: 0.0005,
    epochs: 3,
    kl: { ...fixedKl, controller: 'adaptive', estimator: 'k3', placement: 'loss' },
    grpo: { responsesPerPrompt: 8 },
  },
  dpo: {
    algorithm: 'dpo',
    batch: 50,
    epochs: 1,
    minibatches: 1,
    accumulation: 2,
    checkpointEvery: 4,
    dpo: { beta: 0.1, loss: 'sigmoid', labelSmoothing: 0.05 },
    heldOutPrompts: 20,
  },
  'best-of-n': { ...short, algorithm: 'best-of-n', bestOfN: { n: 4 } },
};

describe.each(Object.entries(VARIANTS))('%s', (algorithm, changes) => {
  it('ends with the same policy however often it is interrupted', async () => {
    const whole = await interrupted({ ...run, configuration: configured(changes) }, optimise, inputs);
    expect(whole.commits.length).toBeGreaterThanOrEqual(2);
    if (algorithm === 'grpo') {
      const { state } = await readCheckpoint(run.artifacts, whole.commits.at(-1)!.id);
      const most = 4 * 3 * 2;
      expect((state as OnlineState).updates).toBeLessThan(most);
      expect((state as OnlineState).updates).toBe(whole.metric('updates').reduce((a, b) => a + b, 0));
    }
  }, 240_000);

  it('keeps the tensor count flat', async () => {
    const leaked = await leakedTensors(async () => {
      await optimise(configured(changes), inputs, recordingContext(run.artifacts));
    });
    expect(leaked).toBe(0);
  }, 120_000);
});

describe('the first update of an iteration', () => {
  it.each([
    ['ppo', { value: { network: 'separate', start: 'pretrained' } }],
    ['ppo in micro-batches, on one network', { accumulation: 2, value: { network: 'shared' } }],
    ['rloo', { algorithm: 'rloo', rloo: { responsesPerPrompt: 4 }, accumulation: 4 }],
    ['grpo', { algorithm: 'grpo', grpo: { responsesPerPrompt: 4 } }],
  ] as const)(
    'of %s finds the policy exactly where it was',
    async (_, changes) => {
      const context = recordingContext(run.artifacts);
      await optimise(configured({ ...changes, episodes: 64, minibatches: 1 }), inputs, context);
      expect(context.metric('val/first_ratio')).toEqual([1, 1]);
      expect(context.metric('policy/first_approxkl')).toEqual([0, 0]);
      expect(context.metric('policy/first_clipfrac')).toEqual([0, 0]);
      // Policy and reference are the same weights in two programs at first, and no longer after it.
      const [first, second] = context.metric('objective/kl');
      expect(first).toBeCloseTo(0, 5);
      expect(Math.abs(second!)).toBeGreaterThan(1e-4);
      // The rollout engine caches keys and values; the trainer does not: they agree to rounding.
      for (const gap of context.metric('val/engine_gap')) expect(gap).toBeLessThan(1e-4);
    },
    120_000,
  );
});

describe('what an optimiser learns', () => {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

  it.each([
    ['ppo', {}],
    ['rloo', { algorithm: 'rloo', rloo: { responsesPerPrompt: 4 } }],
    ['grpo', { algorithm: 'grpo', grpo: { responsesPerPrompt: 4 }, kl: { ...fixedKl, coefficient: 0.02 } }],
  ] as const)(
    'raises the reward by %s, at a KL that grows from 0',
    async (_, changes) => {
      const context = recordingContext(run.artifacts);
      const long = configured({ episodes: 30 * 32, checkpointEvery: 100, ...changes });
      await optimiseWith({ goldReward: cheerfulness })(long, inputs, context);
      const scores = context.metric('objective/scores');
      expect(mean(scores.slice(-5))).toBeGreaterThan(mean(scores.slice(0, 5)) + 0.5);
      const gold = context.metric('objective/gold');
      expect(mean(gold.slice(-5))).toBeGreaterThan(mean(gold.slice(0, 5)));
      expect(mean(context.metric('objective/kl').slice(-5))).toBeGreaterThan(0.3);
      expect(context.metric('lr').at(-1)!).toBeCloseTo(3e-3 / 30, 9);
      expect(context.metric('episode').at(-1)).toBe(960);
    },
    120_000,
  );

  it('raises the margin of the preferred response by dpo, and the held-out reward', async () => {
    const context = recordingContext(run.artifacts);
    const changes = {
      ...VARIANTS.dpo,
      epochs: 5,
      checkpointEvery: 40,
      heldOutPrompts: 70,
      dpo: { beta: 0.1, loss: 'sigmoid' },
    } as const;
    const before = recordingContext(run.artifacts);
    await optimise(configured({ ...changes, learningRate: 1e-12, epochs: 1 }), inputs, before);
    await optimise(configured(changes), inputs, context);
    // The policy starts as the reference, where every pair costs log 2.
    expect(context.metric('loss')[0]).toBeCloseTo(Math.LN2, 5);
    expect(context.metric('loss').at(-1)!).toBeLessThan(0.66);
    expect(context.metric('rewards/margins').at(-1)!).toBeGreaterThan(0.05);
    const last = (of: RecordingContext, name: string): number => of.metric(name).at(-1)!;
    expect(last(context, 'heldOut/scores')).toBeGreaterThan(last(before, 'heldOut/scores') + 0.2);
    expect(last(context, 'heldOut/kl')).toBeGreaterThan(0.05);
    expect(last(before, 'heldOut/kl')).toBeCloseTo(0, 4);
  }, 120_000);
});

describe('best-of-n', () => {
  it('leaves the model as it is, keeps the better responses, and says what it is', async () => {
    const context = recordingContext(run.artifacts);
    const result = await optimise(configured(VARIANTS['best-of-n']), inputs, context);
    const policy = await readCheckpoint(run.artifacts, outputs(result)['policy']!);
    const { weights } = await readCheckpoint(run.artifacts, inputs.model!);
    expect(responsesToChooseFrom(policy.configuration)).toBe(4);
    expect(policy.weights).toEqual(weights);
    expect(context.metric('objective/kl')[0]).toBeCloseTo(bestOfNKlBound(4), 12);
    for (const [i, score] of context.metric('objective/scores').entries())
      expect(score).toBeGreaterThan(context.metric('val/sampled_scores')[i]! + 0.3);
  }, 60_000);
});

describe('the policy of a checkpoint', () => {
  it('is the transformer, with or without a value function beside it', async () => {
    const { weights } = await readCheckpoint(run.artifacts, inputs.model!);
    for (const changes of [
      { value: { network: 'shared' } },
      { value: { network: 'separate' } },
      { algorithm: 'rloo', rloo: { responsesPerPrompt: 2 } },
    ] as const) {
      const one = configured({ ...changes, episodes: 32 });
      const result = await optimise(one, inputs, recordingContext(run.artifacts));
      const policy = await readCheckpoint(run.artifacts, outputs(result)['policy']!);
      expect(Object.keys(policyWeights(policy.weights)).sort()).toEqual(Object.keys(weights).sort());
      expect(Object.keys(policy.weights).length > Object.keys(weights).length).toBe('value' in changes);
      expect(responsesToChooseFrom(policy.configuration)).toBe(1);
    }
    const plain = await readCheckpoint(run.artifacts, inputs.model!);
    expect(policyWeights(plain.weights)).toEqual(weights);
    expect(responsesToChooseFrom(plain.configuration)).toBe(1);
  }, 120_000);
});

it('names an input that the algorithm reads and that is not there', async () => {
  const { model, reward } = inputs;
  await expect(
    optimise(configured(VARIANTS.dpo), { model: model!, reward: reward! }, recordingContext(run.artifacts)),
  ).rejects.toThrow('inputs.comparisons: the step needs it');
});
