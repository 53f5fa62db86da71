import { FileArtifactStore } from '@plumbline/artifacts';
import { loadTensorFlow, uniform } from '@plumbline/compute';
import {
  DEFAULT_TEXT_KEY,
  TRAINING_DEFAULTS,
  type ComparisonSet,
  type EvaluationResult,
  type PreferenceSnapshot,
  type RunConfiguration,
} from '@plumbline/contracts';
import { optimise, sample, trainReward } from '@plumbline/rlhf';
import { COMPILED_FP32, pretrain, type StepContext, type StepOutcome } from '@plumbline/training';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluate } from './evaluate.js';
import { goldReward, simulatedJudgement } from './gold/index.js';

let directory: string;
let configuration: RunConfiguration;
let context: StepContext;

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'improvement-'));
  const corpus = join(directory, 'corpus.txt');
  const words = ['peace', 'war', 'hope', 'debt', 'trade', 'law', 'good', 'crisis', 'state', 'nation'];
  const documents = Array.from({ length: 500 }, (_, i) =>
    Array.from({ length: 120 }, (_, j) => words[Math.floor(uniform(4, 'words', 200 * i + j) * 10)]).join(' '),
  );
  await writeFile(corpus, documents.join('\n\n'));
  configuration = {
    name: 'improvement',
    seed: 11,
    inputs: {},
    model: { layers: 1, heads: 2, width: 32, context: 16, vocabulary: 296 },
    pretrain: {
      ...TRAINING_DEFAULTS,
      textKey: DEFAULT_TEXT_KEY,
      corpus,
      tokens: 200 * 16 * 16,
      batch: 16,
      learningRate: 0.01,
      warmup: 10,
      checkpointEvery: 500,
    },
    sample: {
      promptTokens: 6,
      responseTokens: 8,
      responsesPerPrompt: 2,
      comparisons: 1000,
      temperature: 1,
      heldOut: 200,
    },
    collect: { judgementsPerComparison: 1, guideline: '', simulatedNoise: 0.3 },
    reward: { epochs: 3, batch: 32, learningRate: 5e-3, checkpointEvery: 500 },
    optimise: {
      algorithm: 'ppo',
      episodes: 30 * 64,
      batch: 64,
      epochs: 4,
      minibatches: 2,
      learningRate: 2e-3,
      clip: 0.2,
      valueClip: 0.2,
      valueCoefficient: 0.1,
      gamma: 1,
      lambda: 0.95,
      whitenRewards: false,
      kl: { controller: 'adaptive', coefficient: 0.1, target: 3, horizon: 1000 },
      checkpointEvery: 500,
    },
    evaluate: { prompts: 200, bestOf: 4 },
  };
  context = {
    artifacts: new FileArtifactStore(join(directory, 'artifacts')),
    plan: COMPILED_FP32,
    resumeFrom: null,
    progress: () => undefined,
    commit: () => Promise.resolve(),
    shouldPause: () => false,
    breathe: () => Promise.resolve(),
  };
});
afterAll(() => rm(directory, { recursive: true }));

function output(outcome: StepOutcome, name: string): string {
  if (outcome.outcome !== 'completed') throw new Error('the step paused');
  return outcome.outputs[name]!;
}

/** What simulated labelers would answer, one judgement a comparison. */
async function judged(comparisons: string): Promise<string> {
  const set = await context.artifacts.getJson<ComparisonSet>(comparisons);
  const snapshot: PreferenceSnapshot = {
    kind: 'preference-snapshot',
    comparisons,
    preferences: set.comparisons.map(({ key, responses }) => ({
      comparison: key,
      ordinal: 0,
      ...simulatedJudgement({
        seed: configuration.seed,
        comparisonKey: key,
        ordinal: 0,
        goldRewards: responses.map(({ text }) => goldReward(text)),
        noise: configuration.collect.simulatedNoise,
      }),
    })),
  };
  return context.artifacts.putJson(snapshot);
}

it('noisy judgements make a policy of higher gold reward, on prompts that training has not seen', async () => {
  const model = output(await pretrain(configuration, {}, context), 'model');
  const comparisons = output(await sample(configuration, { model }, context), 'comparisons');
  const preferences = await judged(comparisons);
  const judgedInputs = { model, comparisons, preferences };
  const reward = output(await trainReward(configuration, judgedInputs, context), 'reward');
  const policy = output(await optimise(configuration, { model, reward }, context), 'policy');
  const inputs = { ...judgedInputs, reward, policy };
  const id = output(await evaluate(configuration, inputs, context), 'evaluation');
  const result = await context.artifacts.getJson<EvaluationResult>(id);

  expect(result.rewardModel.accuracy!.low).toBeGreaterThan(0.6);
  expect(result.rewardModel.accuracy!.value).toBeLessThan(result.rewardModel.noiseCeiling! + 0.05);
  expect(result.goldWinRate.policy.low).toBeGreaterThan(0.6);
  expect(result.goldWinRate.bestOf.low).toBeGreaterThan(0.5);
  expect(result.goldReward.policy.low).toBeGreaterThan(result.goldReward.pretrained.high);
  expect(result.kl.low).toBeGreaterThan(0.5);
  expect(result.kl.high).toBeLessThan(15);
}, 240_000);
