import { FileArtifactStore, readCheckpoint, writeCheckpoint, type TensorMap } from '@plumbline/artifacts';
import { leakedTensors, loadTensorFlow, uniform } from '@plumbline/compute';
import {
  DEFAULT_TEXT_KEY,
  TRAINING_DEFAULTS,
  type EvaluationResult,
  type PreferenceSnapshot,
  type RunConfiguration,
  type StepInputs,
} from '@plumbline/contracts';
import {
  bestOfNKlBound,
  initialActorCritic,
  initialRewardModel,
  PREVIOUS_CHECKPOINT,
  sample,
} from '@plumbline/rlhf';
import { COMPILED_FP32, pretrain, type StepContext, type StepOutcome } from '@plumbline/training';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from './evaluate.js';

let directory: string;
let configuration: RunConfiguration;
let inputs: StepInputs;
/** Reward model and policy of other weights than the pretrained model's. */
let other: StepInputs;
/** A policy that is best-of-8. */
let chosen: StepInputs;

function recordingContext(
  options: { resumeFrom?: string; pauseAfter?: number } = {},
): StepContext & { commits: { index: number; id: string }[] } {
  const commits: { index: number; id: string }[] = [];
  return {
    commits,
    artifacts: new FileArtifactStore(join(directory, 'artifacts')),
    plan: COMPILED_FP32,
    resumeFrom: options.resumeFrom ?? null,
    progress: () => undefined,
    commit: (checkpoint) => {
      commits.push(checkpoint);
      return Promise.resolve();
    },
    shouldPause: () => commits.length === options.pauseAfter,
    breathe: () => Promise.resolve(),
  };
}

function output(outcome: StepOutcome, name: string): string {
  if (outcome.outcome !== 'completed') throw new Error('the step paused');
  return outcome.outputs[name]!;
}

async function evaluation(from: StepInputs): Promise<EvaluationResult> {
  const context = recordingContext();
  const id = output(await evaluate(configuration, from, context), 'evaluation');
  return context.artifacts.getJson<EvaluationResult>(id);
}

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'evaluate-'));
  const corpus = join(directory, 'corpus.txt');
  const words = ['peace', 'war', 'hope', 'debt', 'trade', 'law', 'good', 'crisis', 'state', 'nation'];
  const documents = Array.from({ length: 500 }, (_, i) =>
    Array.from({ length: 120 }, (_, j) => words[Math.floor(uniform(4, 'words', 200 * i + j) * 10)]).join(' '),
  );
  await writeFile(corpus, documents.join('\n\n'));
  configuration = {
    name: 'evaluate',
    seed: 2,
    inputs: {},
    model: { layers: 1, heads: 2, width: 16, context: 16, vocabulary: 280 },
    pretrain: {
      ...TRAINING_DEFAULTS,
      textKey: DEFAULT_TEXT_KEY,
      corpus,
      tokens: 40 * 8 * 16,
      batch: 8,
      learningRate: 0.01,
      warmup: 2,
      checkpointEvery: 100,
    },
    sample: {
      promptTokens: 6,
      responseTokens: 8,
      responsesPerPrompt: 2,
      comparisons: 90,
      temperature: 1,
      heldOut: 60,
    },
    collect: { judgementsPerComparison: 1, guideline: '', simulatedNoise: 0.3 },
    evaluate: { prompts: 140, bestOf: 8, frontier: { samples: 8, checkpoints: 3 } },
  } as unknown as RunConfiguration;

  const context = recordingContext();
  const { artifacts } = context;
  const model = output(await pretrain(configuration, {}, context), 'model');
  const comparisons = output(await sample(configuration, { model }, context), 'comparisons');
  const snapshot: PreferenceSnapshot = { kind: 'preference-snapshot', comparisons, preferences: [] };
  const preferences = await artifacts.putJson(snapshot);
  const pretrained = await readCheckpoint(artifacts, model);
  const checkpoint = (
    step: 'reward' | 'optimise',
    weights: TensorMap,
    references: Readonly<Record<string, string>> = {},
    optimise?: object,
  ): Promise<string> =>
    writeCheckpoint(artifacts, {
      step,
      index: PREVIOUS_CHECKPOINT in references ? 2 : 1,
      configuration: { model: configuration.model, ...(optimise && { optimise }) },
      weights,
      optimizer: {},
      state: {},
      references: { ...pretrained.references, ...references },
    });
  const rewardModel = initialRewardModel(pretrained.weights, 16, 1);
  const reward = await checkpoint('reward', rewardModel);
  inputs = {
    model,
    comparisons,
    preferences,
    reward,
    policy: await checkpoint('optimise', initialActorCritic(pretrained.weights, rewardModel)),
  };
  const embedding = pretrained.weights['wte.weight']!;
  const changed = {
    ...pretrained.weights,
    'wte.weight': {
      ...embedding,
      data: Float32Array.from(embedding.data, (value, i) => value * (i % 3 ? 1 : 1.3)),
    },
  };
  other = {
    ...inputs,
    policy: await checkpoint('optimise', initialActorCritic(changed, rewardModel), {
      [PREVIOUS_CHECKPOINT]: inputs.policy!,
    }),
  };
  const settings = { algorithm: 'best-of-n', bestOfN: { n: 8 } };
  chosen = { ...inputs, policy: await checkpoint('optimise', pretrained.weights, {}, settings) };
}, 120_000);
afterAll(() => rm(directory, { recursive: true }));

describe('evaluate', () => {
  it('finds a policy that is the pretrained model no better and no further away', async () => {
    const result = await evaluation(inputs);
    expect(result).toMatchObject({ kind: 'evaluation', prompts: 140, bestOf: 8 });
    expect(result.kl).toEqual({ value: 0, low: 0, high: 0, n: 140 });
    const { policy } = result.goldWinRate;
    expect(policy.low).toBeLessThan(0.5);
    expect(policy.high).toBeGreaterThan(0.5);
    expect(result.bestOfKlBound).toBeCloseTo(Math.log(8) - 7 / 8, 12);
  });

  it('has best-of-n score higher under the reward model that chose it', async () => {
    const { proxyReward } = await evaluation(inputs);
    expect(proxyReward.bestOf.low).toBeGreaterThan(proxyReward.pretrained.high);
  });

  it('draws n responses of a policy that is best-of-n, and keeps the best', async () => {
    const { proxyReward, kl } = await evaluation(chosen);
    // The baseline best-of-8 chooses among other responses: two estimates of one thing.
    const gap = Math.abs(proxyReward.policy.value - proxyReward.bestOf.value);
    expect(gap).toBeLessThan(proxyReward.bestOf.high - proxyReward.bestOf.low);
    expect(proxyReward.policy.low).toBeGreaterThan(proxyReward.pretrained.high);
    expect(kl.value).toBeCloseTo(bestOfNKlBound(8), 9);
  });

  it('measures the KL of a policy that has moved', async () => {
    const { kl } = await evaluation(other);
    expect(kl.low).toBeGreaterThan(0);
  });

  it('has the policy as it was at each checkpoint on its frontier', async () => {
    const { frontier, kl, goldReward, proxyReward, goldWinRate } = await evaluation(other);
    const [first, last] = frontier!.policy;
    expect(frontier!.policy).toHaveLength(2);
    expect(first).toMatchObject({ index: 1, checkpoint: inputs.policy, kl: { value: 0 } });
    expect(last).toMatchObject({ index: 2, checkpoint: other.policy });
    for (const [here, there] of [
      [last!.kl, kl],
      [last!.goldReward, goldReward.policy],
      [last!.proxyReward, proxyReward.policy],
      [last!.goldWinRate, goldWinRate.policy],
    ] as const) {
      expect(here.value).toBeCloseTo(there.value, 9);
      expect(here.low).toBeCloseTo(there.low, 1);
    }
    expect(frontier!.fits.policy).toBeNull(); // two points determine nothing worth an interval
  });

  it('has best-of-2, 4, 8 on its frontier, ever better by the reward model', async () => {
    const { frontier, proxyReward } = await evaluation(inputs);
    const { pretrained, bestOf, samples, fits } = frontier!;
    expect(samples).toBe(8);
    expect(bestOf.map(({ n }) => n)).toEqual([2, 4, 8]);
    expect(bestOf.map(({ kl }) => kl.value)).toEqual([2, 4, 8].map(bestOfNKlBound));
    const proxies = [pretrained, ...bestOf].map((point) => point.proxyReward.value);
    for (let i = 1; i < proxies.length; i++) expect(proxies[i]).toBeGreaterThan(proxies[i - 1]!);
    // The best of all 8 samples is one choice, the same that the headline makes.
    expect(proxies.at(-1)).toBeCloseTo(proxyReward.bestOf.value, 6);
    expect(fits.bestOf).not.toBeNull();
  });

  it('measures no frontier where none is configured', async () => {
    const { frontier: _, ...settings } = configuration.evaluate;
    const context = recordingContext();
    const id = output(await evaluate({ ...configuration, evaluate: settings }, other, context), 'evaluation');
    expect(await context.artifacts.getJson<EvaluationResult>(id)).not.toHaveProperty('frontier');
  });

  it('shows the first prompts with the three responses and their gold rewards', async () => {
    const { samples } = await evaluation(inputs);
    expect(samples).toHaveLength(8);
    for (const { prompt, policy } of samples) {
      expect(prompt.length).toBeGreaterThan(5);
      expect(policy).not.toContain('<|endoftext|>');
    }
  });

  it('knows no accuracy where nobody has judged, yet the one against the gold reward', async () => {
    const { rewardModel } = await evaluation(inputs);
    expect(rewardModel.accuracy).toBeNull();
    expect(rewardModel.accuracyAgainstGold!.n).toBeGreaterThan(10);
    expect(rewardModel.noiseCeiling!).toBeGreaterThan(0.5);
  });

  it('ends with the same result when it was paused', async () => {
    const whole = recordingContext();
    const expected = output(await evaluate(configuration, inputs, whole), 'evaluation');
    expect(whole.commits.length).toBeGreaterThan(1);
    const paused = recordingContext({ pauseAfter: 1 });
    expect(await evaluate(configuration, inputs, paused)).toEqual({ outcome: 'paused' });
    const resumed = recordingContext({ resumeFrom: paused.commits[0]!.id });
    expect(output(await evaluate(configuration, inputs, resumed), 'evaluation')).toBe(expected);
  });

  it('keeps the tensor count flat', async () => {
    const leaked = await leakedTensors(async () => {
      await evaluation(other);
    });
    expect(leaked).toBe(0);
  });

  it('says which input is absent', async () => {
    await expect(
      evaluate(configuration, { ...inputs, reward: undefined }, recordingContext()),
    ).rejects.toThrow('inputs.reward: the step needs it');
  });
});
