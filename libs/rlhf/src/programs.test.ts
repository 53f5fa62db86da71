import { loadTensorFlow, normals, tf, uniforms, verifyPrograms, type Tensor } from '@plumbline/compute';
import type { TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration, OptimiseConfiguration } from '@plumbline/contracts';
import { initialise, toTensorMap } from '@plumbline/model';
import {
  COMPILED_FP32,
  EAGER_FP32,
  languageModelLoss,
  rowBatch,
  Trainer,
  type Batch,
  type ExecutionPlan,
  type LossFunction,
} from '@plumbline/training';
import { beforeAll, describe, expect, it } from 'vitest';
import { dpoLoss } from './policy/dpo-loss.js';
import type { InputShape } from './optimisers/loss-inputs.js';
import { completeSettings } from './optimisers/optimise-settings.js';
import { grpo, ppo, rloo, type OnlineOptimiser } from './optimisers/index.js';
import { rewardLoss } from './reward/reward-loss.js';
import { initialRewardModel } from './reward/reward-model.js';

const model: ModelConfiguration = { layers: 1, heads: 2, width: 16, context: 12, vocabulary: 40 };
const dropout: ModelConfiguration = { ...model, dropout: 0.1, activation: 'gelu', tiedEmbeddings: false };
const ROWS = 4;
const PROMPT = 4;
const RESPONSE = 6;
/** Larger ones make training so unsteady that rounding grows a thousandfold. */
const RATE = 0.003;
const LENGTH = PROMPT + RESPONSE;

const integers = (purpose: string, count: number, below: number): Int32Array =>
  Int32Array.from(uniforms(1, purpose, 0, count), (value) => Math.floor(value * below));
const matrix = (purpose: string, rows: number, columns: number): Tensor =>
  tf.tensor2d(normals(1, purpose, rows * columns), [rows, columns]);
const tokens = (purpose: string, rows: number, columns: number): Tensor =>
  tf.tensor2d(integers(purpose, rows * columns, model.vocabulary), [rows, columns], 'int32');
const rowsOf = (purpose: string, learned?: Float32Array) => ({
  count: ROWS,
  tokens: integers(purpose, ROWS * (model.context + 1), model.vocabulary),
  ...(learned && { learned }),
});

interface Program {
  readonly loss: LossFunction;
  readonly weights: () => TensorMap;
  /** The batch of an update. */
  readonly batch: (update: number) => Batch;
  /** Whether the step takes micro-batches. */
  readonly accumulates?: true;
}

const shape = { promptLength: PROMPT, temperature: 0.7 };
const online = { ppo, rloo, grpo };
const inTheLoss = {
  controller: 'fixed',
  coefficient: 0.1,
  target: 6,
  horizon: 1000,
  estimator: 'k3',
  placement: 'loss',
} as const;

const responseMask = (rows: number): Tensor =>
  tf.tensor2d(
    Float32Array.from({ length: rows * RESPONSE }, (_, i) => (i % 7 === 6 ? 0 : 1)),
    [rows, RESPONSE],
  );

/** An online optimiser's loss on batches of its inputs, filled at random. */
function onlineProgram(optimiser: OnlineOptimiser, changes: Partial<OptimiseConfiguration>): Program {
  const settings = completeSettings({
    clip: 0.2,
    valueClip: 0.2,
    valueCoefficient: 0.5,
    kl: { ...inTheLoss, placement: 'reward' },
    ...changes,
  } as OptimiseConfiguration);
  const fill: Readonly<Record<InputShape, (name: string) => Tensor>> = {
    token: (name) =>
      // Log-probabilities are about those of one token in forty.
      /LogProbabilities/.test(name)
        ? matrix(name, ROWS, RESPONSE).mul(0.1).sub(3.7)
        : matrix(name, ROWS, RESPONSE),
    sequence: (name) => tf.tensor1d(normals(1, name, ROWS)),
    scalar: () => tf.scalar(0.1),
  };
  return {
    loss: optimiser.loss(model, settings, shape),
    weights: () => {
      const transformer = toTensorMap(initialise(model, 1));
      const reward = initialRewardModel(transformer, model.width, 1);
      return optimiser.initialWeights(transformer, reward, settings);
    },
    batch: (update) => ({
      tokens: tokens(`optimise ${update}`, ROWS, LENGTH),
      responseMask: responseMask(ROWS),
      ...Object.fromEntries(
        Object.entries(optimiser.inputs(settings)).map(([name, kind]) => [
          name,
          fill[kind](`${name} ${update}`),
        ]),
      ),
    }),
    accumulates: true,
  };
}

/** Batches as `rewardBatch` makes them, filled at random. */
function rewardProgram(form: {
  responses: number;
  judgements: number;
  centring?: number;
  hasMargins?: boolean;
}): Program {
  const { responses, judgements } = form;
  const pairs = (responses * (responses - 1)) / 2;
  const perPair = (values: (random: number) => number, purpose: string): Tensor =>
    tf.tensor3d(Float32Array.from(uniforms(1, purpose, 0, ROWS * judgements * pairs), values), [
      ROWS,
      judgements,
      pairs,
    ]);
  return {
    loss: (parameters, batch) => rewardLoss(parameters, model, batch, form),
    weights: () => initialRewardModel(toTensorMap(initialise(model, 1)), model.width, 1),
    batch: (update) => ({
      tokens: tokens(`reward ${update}`, ROWS * responses, LENGTH).reshape([ROWS, responses, LENGTH]),
      lastPositions: tf.tensor2d(
        integers(`ends ${update}`, ROWS * responses, RESPONSE).map((end) => PROMPT + end),
        [ROWS, responses],
        'int32',
      ),
      targets: perPair((random) => Math.floor(3 * random) / 2, `targets ${update}`),
      weights: perPair((random) => 0.2 + random, `weights ${update}`),
      ...(form.hasMargins && { margins: perPair((random) => random, `margins ${update}`) }),
    }),
  };
}

/** The program of each trained step: its loss and batches as the step makes them. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  pretrain: {
    loss: (parameters, batch) => languageModelLoss(parameters, model, batch),
    weights: () => toTensorMap(initialise(model, 1)),
    batch: (update) => rowBatch(rowsOf(`pretrain ${update}`), model.context),
    accumulates: true,
  },
  sft: {
    loss: (parameters, batch) => languageModelLoss(parameters, dropout, batch),
    weights: () => toTensorMap(initialise(dropout, 1)),
    batch: (update) => {
      const learned = Float32Array.from({ length: ROWS * model.context }, (_, i) => (i % 3 === 0 ? 0 : 1));
      return rowBatch(rowsOf(`sft ${update}`, learned), model.context, 77 + update);
    },
    accumulates: true,
  },
  'reward, pairs': rewardProgram({ responses: 2, judgements: 1 }),
  'reward, K-way with margins and centring': rewardProgram({
    responses: 4,
    judgements: 2,
    centring: 0.01,
    hasMargins: true,
  }),
  'optimise by ppo': onlineProgram(online.ppo, {}),
  'optimise by ppo on one network, KL in the loss': onlineProgram(online.ppo, {
    value: { network: 'shared' },
    kl: inTheLoss,
  }),
  'optimise by rloo': onlineProgram(online.rloo, { rloo: { responsesPerPrompt: 2 } }),
  'optimise by grpo': onlineProgram(online.grpo, { grpo: { responsesPerPrompt: 2 }, kl: inTheLoss }),
  'optimise by dpo': {
    loss: (parameters, batch) => dpoLoss(parameters, model, batch, { ...shape, beta: 0.1, loss: 'sigmoid' }),
    weights: () => toTensorMap(initialise(model, 1)),
    batch: (update) => ({
      tokens: tokens(`dpo ${update}`, 2 * ROWS, LENGTH),
      responseMask: responseMask(2 * ROWS),
      reference: tf.tensor1d(normals(1, `reference ${update}`, 2 * ROWS)).sub(19),
      targets: tf.tensor1d([1, 0, 0.5, 1]),
      weights: tf.tensor1d([1, 1, 1, 0.5]),
    }),
    accumulates: true,
  },
};

/** ε keeps rounding noise from becoming whole steps where a gradient is zero, as that of the keys' bias is. */
function trainer({ loss, weights }: Program, plan: ExecutionPlan): Trainer {
  return new Trainer({
    loss,
    adamW: { epsilon: 1e-2, weightDecay: 0.1 },
    maximumGradientNorm: 1,
    weights: weights(),
    plan,
  });
}

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

describe.each(Object.entries(PROGRAMS))('the programs of %s', (_, program) => {
  it('compute one update as its ops do one by one, with micro-batches where the step takes them', () => {
    const checking = verifyPrograms({ fp32: 1e-5 });
    const compiled = trainer(program, COMPILED_FP32);
    const batches = [0, 1].map((update) => program.batch(update));
    compiled.evaluate(batches[0]!);
    compiled.update(batches[0]!, 0.01);
    if (program.accumulates) compiled.update(batches, 0.01);
    checking.stop();
    const accumulating = ['the first gradients', 'the further gradients', 'the optimizer update'];
    expect([...checking.runs.keys()]).toEqual([
      'the training update',
      ...(program.accumulates ? accumulating : []),
    ]);
    expect(checking.runs.get('the training update')).toBe(2);
    compiled.dispose();
    tf.dispose(batches.flatMap((batch) => Object.values(batch)));
  }, 120_000);

  it('end 50 updates where ops one by one do', () => {
    const [compiled, eager] = [COMPILED_FP32, EAGER_FP32].map((plan) => trainer(program, plan));
    for (let update = 0; update < 50; update++) {
      const batch = program.batch(update % 5);
      const found = compiled!.update(batch, RATE);
      const expected = eager!.update(batch, RATE);
      for (const [name, value] of Object.entries(expected)) {
        const gap = Math.abs(found[name]! - value) / Math.max(Math.abs(value), 0.1);
        expect(gap, `${name} of update ${update}`).toBeLessThan(1e-3);
      }
      tf.dispose(Object.values(batch));
    }
    const [found, expected] = [compiled!, eager!].map((each) => each.snapshot().weights);
    for (const [name, { data }] of Object.entries(expected!)) {
      let gap = 0;
      let size = 0.01;
      data.forEach((value, i) => {
        gap = Math.max(gap, Math.abs(value - found![name]!.data[i]!));
        size = Math.max(size, Math.abs(value));
      });
      expect(gap / size, name).toBeLessThan(1e-3);
    }
    for (const each of [compiled!, eager!]) each.dispose();
  }, 120_000);
});
