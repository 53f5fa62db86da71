import { leakedTensors, loadTensorFlow } from '@plumbline/compute';
import { readCheckpoint, sha256, canonicalJson } from '@plumbline/artifacts';
import type { ComparisonSet, PreferenceSnapshot, StepInputs } from '@plumbline/contracts';
import { pretrain, readModelCheckpoint } from '@plumbline/training';
import { fromTensorMap, disposeParameters, scalarHeadShapes } from '@plumbline/model';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interrupted, outputs } from '../test-support/interrupted.js';
import { cheerfulness, judgeBy, recordingContext, tinyRun, type TinyRun } from '../test-support/tiny-run.js';
import { moments, optimise, sample, scoreSequences, trainReward, trainingResponses } from './index.js';

/** The chain of steps on one tiny model: each step's tests use what the steps before it made. */
let run: TinyRun;
let model: string;
let comparisons: string;
let preferences: string;
let reward: string;

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  run = await tinyRun('rlhf');
  model = outputs(await pretrain(run.configuration, {}, recordingContext(run.artifacts)))['model']!;
  comparisons = outputs(await sample(run.configuration, { model }, recordingContext(run.artifacts)))[
    'comparisons'
  ]!;
  preferences = await judgeBy(run.artifacts, comparisons, cheerfulness);
  const inputs = { model, comparisons, preferences };
  reward = outputs(await trainReward(run.configuration, inputs, recordingContext(run.artifacts)))['reward']!;
}, 240_000);
afterAll(() => rm(run.directory, { recursive: true }));

describe('sample', () => {
  it('makes comparisons of different prompts, split by prompt, named by their content', async () => {
    const set = await run.artifacts.getJson<ComparisonSet>(comparisons);
    expect(set.comparisons).toHaveLength(600);
    expect(set.comparisons.filter(({ split }) => split === 'heldOut')).toHaveLength(200);
    expect(new Set(set.comparisons.map(({ key }) => key)).size).toBe(600);
    expect(new Set(set.comparisons.map(({ promptTokens }) => promptTokens.join())).size).toBe(600);
    const { tokenizer } = await readModelCheckpoint(run.artifacts, model);
    for (const { key, prompt, promptTokens, responses } of set.comparisons) {
      expect(promptTokens).toHaveLength(6);
      expect(tokenizer.decode(promptTokens)).toBe(prompt[0]!.parts[0]!.text);
      expect(responses).toHaveLength(2);
      const content = {
        prompt,
        promptTokens,
        responses: responses.map(({ tokens, text }) => ({ tokens, text })),
      };
      expect(sha256(canonicalJson(content))).toBe(key);
      for (const { tokens, text } of responses) expect(tokenizer.decode(tokens)).toContain(text);
    }
  });

  it('ends with the same comparisons however often it is interrupted', async () => {
    await interrupted(run, sample, { model });
  }, 120_000);

  it('keeps the tensor count flat', async () => {
    const small = {
      ...run.configuration,
      sample: { ...run.configuration.sample, comparisons: 40, heldOut: 10 },
    };
    const leaked = await leakedTensors(async () => {
      await sample(small, { model }, recordingContext(run.artifacts));
    });
    expect(leaked).toBe(0);
  });
});

describe('trainReward', () => {
  const inputs = (): StepInputs => ({ model, comparisons, preferences });

  it('learns what the judgements prefer, and ends with the same model however often it is interrupted', async () => {
    const context = await interrupted(run, trainReward, inputs());
    expect(context.metric('heldOutAccuracy').at(-1)!).toBeGreaterThan(0.8);
    const losses = context.metric('heldOutLoss');
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(losses.at(-1)!).toBeLessThan(Math.LN2 - 0.1);
  }, 240_000);

  it('is normalised to mean 0 and variance 1 on the sampled responses', async () => {
    const set = await run.artifacts.getJson<ComparisonSet>(comparisons);
    const checkpoint = await readModelCheckpoint(run.artifacts, reward, scalarHeadShapes(16));
    const parameters = fromTensorMap(checkpoint.checkpoint.weights);
    const scores = await scoreSequences(parameters, checkpoint.model, trainingResponses(set.comparisons), {
      length: 14,
    });
    disposeParameters(parameters);
    const { mean, variance } = moments(scores);
    expect(mean).toBeCloseTo(0, 3);
    expect(variance).toBeCloseTo(1, 3);
  });

  it('does not depend on the order in which judgements are listed', async () => {
    const snapshot = await run.artifacts.getJson<PreferenceSnapshot>(preferences);
    const reversed = await run.artifacts.putJson({
      ...snapshot,
      preferences: [...snapshot.preferences].reverse(),
    });
    const short = { ...run.configuration, reward: { ...run.configuration.reward, epochs: 1 } };
    const trained = async (id: string): Promise<unknown> => {
      const outcome = await trainReward(
        short,
        { ...inputs(), preferences: id },
        recordingContext(run.artifacts),
      );
      return (await readCheckpoint(run.artifacts, outputs(outcome)['reward']!)).weights;
    };
    expect(await trained(reversed)).toEqual(await trained(preferences));
  }, 120_000);

  it('names an input that does not fit', async () => {
    const context = recordingContext(run.artifacts);
    await expect(trainReward(run.configuration, { model, comparisons }, context)).rejects.toThrow(
      'inputs.preferences: the step needs it',
    );
    await expect(
      trainReward(run.configuration, { ...inputs(), comparisons: preferences }, context),
    ).rejects.toThrow(`inputs.comparisons: artifact ${preferences} is not a comparison set`);
    const other = await run.artifacts.putJson({ kind: 'comparison-set', comparisons: [] });
    await expect(
      trainReward(run.configuration, { ...inputs(), comparisons: other }, context),
    ).rejects.toThrow(`judges comparison set ${comparisons}, not ${other}`);
    const nothing = await run.artifacts.putJson({
      kind: 'preference-snapshot',
      comparisons,
      preferences: [],
    });
    await expect(
      trainReward(run.configuration, { ...inputs(), preferences: nothing }, context),
    ).rejects.toThrow('no judgement of a training comparison');
  });

  it('keeps the tensor count flat', async () => {
    const short = { ...run.configuration, reward: { ...run.configuration.reward, epochs: 1, batch: 100 } };
    const leaked = await leakedTensors(async () => {
      await trainReward(short, inputs(), recordingContext(run.artifacts));
    });
    expect(leaked).toBe(0);
  });
});

describe('optimise', () => {
  const inputs = (): StepInputs => ({ model, reward });

  it('begins on the pretrained model, with a first update that finds the policy where it was', async () => {
    const one = {
      ...run.configuration,
      optimise: { ...run.configuration.optimise, episodes: 32, minibatches: 1 },
    };
    const context = recordingContext(run.artifacts);
    await optimise(one, inputs(), context);
    const only = (name: string): number => {
      const values = context.metric(name);
      expect(values).toHaveLength(1);
      return values[0]!;
    };
    expect(only('val/first_ratio')).toBe(1);
    expect(only('policy/first_approxkl')).toBe(0);
    expect(only('policy/first_clipfrac')).toBe(0);
    // Whitened advantages have mean 0, and at ratio 1 the loss is minus their mean.
    expect(only('loss/first_policy')).toBeCloseTo(0, 5);
    // Policy and reference are the same weights in two programs.
    expect(only('objective/kl')).toBeCloseTo(0, 5);
    expect(only('objective/non_score_reward')).toBeCloseTo(0, 6);
    expect(only('beta')).toBe(0.05);
    // The rollout engine caches keys and values; the trainer does not: they agree to rounding.
    expect(only('val/engine_gap')).toBeGreaterThan(0);
    expect(only('val/engine_gap')).toBeLessThan(1e-4);
  }, 60_000);
});
