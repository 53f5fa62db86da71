/** Direct preference optimisation: the policy from the preference snapshot, without responses of its own. */
import { permutation, tf } from '@plumbline/compute';
import type { DpoConfiguration, ModelConfiguration } from '@plumbline/contracts';
import { disposeParameters, fromTensorMap, type Parameters } from '@plumbline/model';
import {
  checkResumed,
  compileProgress,
  requiredInput,
  Trainer,
  type Batch,
  type DataPosition,
} from '@plumbline/training';
import { dpoLoss } from '../policy/dpo-loss.js';
import { iterationLearningRate } from './learning-rate.js';
import { completeSettings, type OptimiseSettings } from './optimise-settings.js';
import { responseLogProbabilities, type ResponseShape } from '../policy/policy.js';
import { readPreferenceData, type JudgedPair } from '../preferences/preference-data.js';
import { longestSequence, sequenceRows } from '../sequences.js';
import type { Optimiser } from './optimiser.js';

const ORDER = 'preference pairs';

/** Everything beside weights and moments that the next update depends on. */
interface DpoState {
  readonly updates: number;
  readonly schedule: {
    readonly kind: OptimiseSettings['schedule'];
    readonly peak: number;
    readonly warmup: number;
    readonly total: number;
    readonly next: number;
  };
  readonly data: DataPosition;
}

/**
 * DPO (Rafailov et al. 2023) and IPO (Azar et al. 2023) on the judgements of training comparisons, all pairs of a K-way
 * one: an iteration is one update from `batch` pairs, in an order of its own each pass. Log-probabilities are those at the
 * sampling temperature, as everywhere: the policy is what is sampled from. The reference's come from the batch's own call
 * at every update, so that an interrupted run meets the same bytes.
 */
export const dpo: Optimiser = {
  begin: async ({ configuration, context, inputs, pretrained, start }) => {
    const { seed, sample } = configuration;
    const settings = completeSettings(configuration.optimise);
    const own: DpoConfiguration = settings.dpo ?? { beta: 0.1, loss: 'sigmoid' };
    const { model, checkpoint } = pretrained;
    const ids = {
      comparisons: requiredInput(inputs, 'comparisons'),
      preferences: requiredInput(inputs, 'preferences'),
    };
    const { train } = await readPreferenceData(context.artifacts, ids, pretrained);
    if (train.length === 0)
      throw new Error('inputs.preferences: no judgement of a training comparison says anything');
    const sequences = train.flatMap(({ first, second }) => [first, second]);
    const length = longestSequence(sequences);
    if (length > model.context)
      throw new Error(
        `inputs.comparisons: a response ends at position ${length}; the model's context is ${model.context}`,
      );
    const promptLength = sequences.reduce(
      (shortest, { promptTokens }) => Math.min(shortest, promptTokens.length),
      length,
    );
    const shape: ResponseShape = { promptLength, temperature: sample.temperature };

    const total = Math.max(1, Math.ceil((settings.epochs * train.length) / settings.batch));
    const stateAt = (updates: number): DpoState => {
      const cursor = updates * settings.batch;
      const { schedule: kind, learningRate: peak, warmup } = settings;
      return {
        updates,
        schedule: { kind, peak, warmup, total, next: iterationLearningRate(settings, updates, total) },
        data: {
          cursor,
          purpose: ORDER,
          pass: Math.floor(cursor / train.length),
          position: cursor % train.length,
        },
      };
    };
    const done = start?.index ?? 0;
    if (start) checkResumed(start.id, 'state', start.state, stateAt(done));
    const order = passOrder(seed, train.length);
    const trainer = new Trainer({
      loss: (parameters, batch) => dpoLoss(parameters, model, batch, { ...own, ...shape }),
      adamW: settings.adam,
      maximumGradientNorm: settings.maximumGradientNorm,
      weights: start?.weights ?? checkpoint.weights,
      optimizer: start?.optimizer,
      updates: done,
      plan: context.plan,
      onCompile: compileProgress(context, { done, total, unit: 'iterations' }),
    });
    const reference = fromTensorMap(checkpoint.weights);
    const rows = settings.batch / settings.accumulation;
    return {
      total,
      done,
      iterate: async (iteration) => {
        const first = iteration * settings.batch;
        const batches: Batch[] = [];
        for (let part = 0; part < settings.accumulation; part++) {
          const pairs = Array.from({ length: rows }, (_, i) => train[order(first + part * rows + i)]!);
          batches.push(pairBatch(pairs, { length, shape, reference, model }));
          await context.breathe();
        }
        const learningRate = iterationLearningRate(settings, iteration, total);
        const metrics = trainer.update(batches, learningRate);
        tf.dispose(batches.map((batch) => Object.values(batch)));
        return { ...metrics, lr: learningRate, epoch: (first + settings.batch) / train.length };
      },
      state: () => stateAt(trainer.updates),
      snapshot: () => trainer.snapshot(),
      isWhole: () => true,
      dispose: () => {
        disposeParameters(reference);
        trainer.dispose();
        return Promise.resolve();
      },
    };
  },
};

/** Index of the pair at a cursor that runs through all of them again and again, each pass in an order of its own. */
function passOrder(seed: number, size: number): (cursor: number) => number {
  let pass = -1;
  let order: ArrayLike<number> = [];
  return (cursor) => {
    if (Math.floor(cursor / size) !== pass) {
      pass = Math.floor(cursor / size);
      order = permutation(seed, `${ORDER} pass ${pass}`, size);
    }
    return order[cursor % size]!;
  };
}

/** As `dpoLoss` wants it. The tensors are the caller's. */
function pairBatch(
  pairs: readonly JudgedPair[],
  {
    length,
    shape,
    reference,
    model,
  }: {
    readonly length: number;
    readonly shape: ResponseShape;
    readonly reference: Parameters;
    readonly model: ModelConfiguration;
  },
): Batch {
  const sequences = [...pairs.map(({ first }) => first), ...pairs.map(({ second }) => second)];
  const positions = length - shape.promptLength;
  const mask = new Float32Array(sequences.length * positions);
  sequences.forEach(({ promptTokens, responseTokens }, row) => {
    const from = row * positions + promptTokens.length - shape.promptLength;
    mask.fill(1, from, from + responseTokens.length);
  });
  const tokens = tf.tensor2d(
    sequenceRows(sequences, sequences.length, length).tokens,
    [sequences.length, length],
    'int32',
  );
  const responseMask = tf.tensor2d(mask, [sequences.length, positions]);
  return {
    tokens,
    responseMask,
    reference: tf.tidy(() =>
      responseLogProbabilities(reference, model, tokens, shape).mul(responseMask).sum(1),
    ),
    targets: tf.tensor1d(pairs.map(({ target }) => target)),
    weights: tf.tensor1d(pairs.map(({ weight }) => weight)),
  };
}
