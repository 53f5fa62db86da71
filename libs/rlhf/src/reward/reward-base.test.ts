/** Reward models of another size than the policy, and on fewer comparisons: what a study of over-optimisation varies. */
import { readCheckpoint } from '@plumbline/artifacts';
import { loadTensorFlow } from '@plumbline/compute';
import type { RunConfiguration, StepInputs } from '@plumbline/contracts';
import { pretrain, type StepOutcome } from '@plumbline/training';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  cheerfulness,
  judgeBy,
  recordingContext,
  tinyRun,
  type TinyRun,
} from '../../test-support/tiny-run.js';
import { optimise } from '../optimisers/optimise.js';
import { sample } from '../sample/sample.js';
import { trainReward } from './train-reward.js';

let run: TinyRun;
let configuration: RunConfiguration;
let inputs: StepInputs & Readonly<Record<'model' | 'comparisons' | 'preferences', string>>;
/** A model of half the width, with the same tokenizer. */
let small: string;

const context = () => recordingContext(run.artifacts);
function output(outcome: StepOutcome, name: string): string {
  if (outcome.outcome !== 'completed') throw new Error('the step paused');
  return outcome.outputs[name]!;
}

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  run = await tinyRun('reward-base');
  const { pretrain: pretraining, sample: sampling, reward, optimise: settings } = run.configuration;
  configuration = {
    ...run.configuration,
    pretrain: { ...pretraining, tokens: 30 * 16 * 16 },
    sample: { ...sampling, comparisons: 160, heldOut: 60 },
    reward: { ...reward, epochs: 1, comparisons: 64 },
    optimise: {
      ...settings,
      episodes: 2 * settings.batch,
      value: { network: 'separate', start: 'pretrained' },
    },
  };
  const model = output(await pretrain(configuration, {}, context()), 'model');
  const narrow = { ...configuration, model: { ...configuration.model, width: 8 } };
  small = output(await pretrain(narrow, {}, context()), 'model');
  const comparisons = output(await sample(configuration, { model }, context()), 'comparisons');
  inputs = { model, comparisons, preferences: await judgeBy(run.artifacts, comparisons, cheerfulness) };
}, 120_000);
afterAll(() => rm(run.directory, { recursive: true }));

it('learns from so many comparisons, starting from the model of its size', async () => {
  const reward = output(
    await trainReward(configuration, { ...inputs, rewardBase: small }, context()),
    'reward',
  );
  const { weights, configuration: manifest, references, index } = await readCheckpoint(run.artifacts, reward);
  expect(weights['score.weight']!.shape).toEqual([1, 8]);
  expect(manifest).toMatchObject({ model: { width: 8 }, reward: { comparisons: 64 } });
  expect(references['model']).toBe(small);
  expect(index).toBe(2); // 64 comparisons, 32 an update

  const policy = output(await optimise(configuration, { ...inputs, reward }, context()), 'policy');
  const optimised = await readCheckpoint(run.artifacts, policy);
  expect(optimised.weights['value.wte.weight']!.shape[1]).toBe(16);
  const { optimise: settings } = configuration;
  const asReward = { ...settings, value: { network: 'separate', start: 'reward' } } as const;
  await expect(
    optimise({ ...configuration, optimise: asReward }, { ...inputs, reward }, context()),
  ).rejects.toThrow('the value network cannot start as the reward model, which has another');
});

it('refuses more comparisons than there are, and a model that reads other tokens', async () => {
  const { reward } = configuration;
  await expect(
    trainReward({ ...configuration, reward: { ...reward, comparisons: 101 } }, inputs, context()),
  ).rejects.toThrow(
    'reward.comparisons: 101 to learn from; inputs.preferences judges 100 training comparisons',
  );
  const otherwise = { ...configuration, model: { ...configuration.model, vocabulary: 290 } };
  const other = output(await pretrain(otherwise, {}, context()), 'model');
  await expect(trainReward(configuration, { ...inputs, rewardBase: other }, context())).rejects.toThrow(
    `inputs.rewardBase: checkpoint ${other} has another tokenizer`,
  );
}, 60_000);
