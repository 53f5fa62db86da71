/** The step `reward`: a reward model from a preference snapshot. */
import { readCheckpoint, writeCheckpoint, type TensorMap } from '@plumbline/artifacts';
import { permutation, tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { disposeParameters, fromTensorMap, type Parameters } from '@plumbline/model';
import {
  checkResumed,
  compileProgress,
  learningRateAt,
  readModelCheckpoint,
  runTrainingLoop,
  Trainer,
  type Batch,
  type DataPosition,
  type LearningRateSchedule,
  type StepContext,
  type StepFunction,
  requiredInput,
} from '@plumbline/training';
import { countedProgress } from './counted-progress.js';
import { readPreferenceData, trainingResponses, type JudgedPair } from './preference-data.js';
import { bradleyTerryLoss } from './preference-loss.js';
import { rewardLoss } from './reward-loss.js';
import { initialRewardModel, normalisedHead, scoreSequences, scoringBatches } from './reward-model.js';
import { longestSequence, sequenceRows, type Sequence } from './sequences.js';
import { moments } from './whitening.js';

const MAXIMUM_GRADIENT_NORM = 1;
/** Purpose of the random order of judgements. */
const ORDER = 'reward judgements';
/** Share of the updates in which the learning rate warms up. */
const WARMUP = 0.05;
/** Share of its peak that the learning rate ends at. */
const FINAL_SHARE = 0.1;
/** Responses whose scores define mean 0 and variance 1. */
const NORMALISATION_RESPONSES = 1024;

/** Everything beside weights and moments that the next update depends on. */
interface RewardState {
  readonly updates: number;
  readonly schedule: LearningRateSchedule & { readonly next: number };
  readonly data: DataPosition;
}

/**
 * Output `reward`: the pretrained transformer with a scalar head (`score.weight`, `score.bias`), trained on the
 * judgements of training comparisons by the Bradley-Terry loss (ties have target ½, "both bad" teaches nothing), and
 * normalised to mean 0 and variance 1 on the sampled responses, before and after.
 *
 * Metrics: `loss`, `gradientNorm` over updates; `heldOutLoss` (nats a judgement) and `heldOutAccuracy` (ties left out)
 * on the held-out comparisons at checkpoints.
 */
export const trainReward: StepFunction = async (configuration, inputs, context) => {
  const { seed, reward: settings } = configuration;
  const ids = {
    model: requiredInput(inputs, 'model'),
    comparisons: requiredInput(inputs, 'comparisons'),
    preferences: requiredInput(inputs, 'preferences'),
  };
  const { model, checkpoint, tokenizerId } = await readModelCheckpoint(context.artifacts, ids.model);
  const { train, heldOut, comparisons } = await readPreferenceData(context.artifacts, ids);
  if (train.length === 0)
    throw new Error('inputs.preferences: no judgement of a training comparison says anything');
  const responses = trainingResponses(comparisons);
  const length = longestSequence(responses.concat(heldOut.flatMap(({ first, second }) => [first, second])));
  const sample = evenly(responses, NORMALISATION_RESPONSES);
  const normalise = async (
    weights: TensorMap,
  ): Promise<{ weights: TensorMap; mean: number; deviation: number }> => {
    const scores = await scored(weights, model, sample, length, context);
    const { mean, variance } = moments(scores);
    return { weights: normalisedHead(weights, scores), mean, deviation: Math.sqrt(variance) };
  };

  const start =
    context.resumeFrom === null ? null : await readCheckpoint(context.artifacts, context.resumeFrom);
  const weights =
    start?.weights ?? (await normalise(initialRewardModel(checkpoint.weights, model.width, seed))).weights;
  const total = Math.max(1, Math.ceil((settings.epochs * train.length) / settings.batch));
  const schedule: LearningRateSchedule = {
    kind: 'cosine',
    peak: settings.learningRate,
    warmup: Math.round(total * WARMUP),
    total,
    finalShare: FINAL_SHARE,
  };
  const order = epochOrder(seed, train.length);
  const manifest = { seed, model, reward: settings };
  /** The state after `done` updates. */
  const stateAt = (done: number): RewardState => {
    const cursor = done * settings.batch;
    return {
      updates: done,
      schedule: { ...schedule, next: learningRateAt(done, schedule) },
      data: {
        cursor,
        purpose: ORDER,
        pass: Math.floor(cursor / train.length),
        position: cursor % train.length,
      },
    };
  };
  if (start) {
    const found = start.state as RewardState & { normalised: unknown };
    const { normalised } = found;
    checkResumed(start.id, 'configuration', start.configuration, manifest);
    checkResumed(start.id, 'references', start.references, { tokenizer: tokenizerId, ...ids });
    checkResumed(start.id, 'state', found, { ...stateAt(start.index), normalised });
  }
  const trainer = new Trainer({
    loss: (parameters, batch) => rewardLoss(parameters, model, batch),
    adamW: { weightDecay: 0 },
    maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
    weights,
    optimizer: start?.optimizer,
    updates: start?.index ?? 0,
    plan: context.plan,
    onCompile: compileProgress(context, { done: start?.index ?? 0, total, unit: 'updates' }),
  });
  try {
    const result = await runTrainingLoop({
      context,
      phase: 'training the reward model',
      unit: 'updates',
      from: start?.index ?? 0,
      total,
      checkpointEvery: settings.checkpointEvery,
      update: (index) => {
        const first = index * settings.batch;
        const pairs = Array.from({ length: settings.batch }, (_, i) => train[order(first + i)]!);
        const batch = pairBatch(pairs, length);
        const metrics = trainer.update(batch, learningRateAt(index, schedule));
        tf.dispose(Object.values(batch));
        return metrics;
      },
      checkpoint: async (done) => {
        const snapshot = trainer.snapshot();
        const metrics = await heldOutMetrics(trainer.parameters, model, heldOut, length, context);
        const normalised = done === total ? await normalise(snapshot.weights) : null;
        const id = await writeCheckpoint(context.artifacts, {
          step: 'reward',
          index: done,
          configuration: manifest,
          weights: normalised?.weights ?? snapshot.weights,
          optimizer: snapshot.optimizer,
          state: {
            ...stateAt(done),
            // What the trained head's scores were before gain and bias went into it.
            normalised: normalised && { mean: normalised.mean, deviation: normalised.deviation },
          },
          references: { tokenizer: tokenizerId, ...ids },
        });
        return { id, metrics };
      },
    });
    return result.outcome === 'paused'
      ? result
      : { outcome: 'completed', outputs: { reward: result.checkpoint } };
  } finally {
    trainer.dispose();
  }
};

/** Index of the judgement at a cursor that runs through all of them again and again, each epoch in an order of its own. */
function epochOrder(seed: number, size: number): (cursor: number) => number {
  let epoch = -1;
  let order = new Int32Array();
  return (cursor) => {
    if (Math.floor(cursor / size) !== epoch) {
      epoch = Math.floor(cursor / size);
      order = permutation(seed, `${ORDER} pass ${epoch}`, size) as Int32Array<ArrayBuffer>;
    }
    return order[cursor % size]!;
  };
}

/** First responses, then second ones, as `rewardLoss` wants them. */
function pairBatch(pairs: readonly JudgedPair[], length: number): Batch {
  const sequences = [...pairs.map(({ first }) => first), ...pairs.map(({ second }) => second)];
  const rows = sequenceRows(sequences, sequences.length, length);
  return {
    tokens: tf.tensor2d(rows.tokens, [rows.batch, length], 'int32'),
    lastPositions: tf.tensor1d(rows.lastPositions, 'int32'),
    targets: tf.tensor1d(pairs.map(({ target }) => target)),
    weights: tf.tensor1d(pairs.map(({ weight }) => weight)),
  };
}

async function scored(
  weights: TensorMap,
  model: ModelConfiguration,
  sequences: readonly Sequence[],
  length: number,
  context: StepContext,
): Promise<Float32Array> {
  const parameters = fromTensorMap(weights);
  try {
    return await scoreSequences(parameters, model, sequences, {
      length,
      breathe: scoringProgress(context, 'normalising the reward model', sequences),
    });
  } finally {
    disposeParameters(parameters);
  }
}

async function heldOutMetrics(
  parameters: Parameters,
  model: ModelConfiguration,
  pairs: readonly JudgedPair[],
  length: number,
  context: StepContext,
): Promise<Record<string, number>> {
  if (pairs.length === 0) return {};
  const sequences = pairs.flatMap(({ first, second }) => [first, second]);
  const scores = await scoreSequences(parameters, model, sequences, {
    length,
    breathe: scoringProgress(context, 'measuring on held-out comparisons', sequences),
  });
  const gaps = pairs.map((_, pair) => scores[2 * pair]! - scores[2 * pair + 1]!);
  const loss =
    pairs.reduce((sum, { target }, pair) => sum + bradleyTerryLoss(gaps[pair]!, target), 0) / pairs.length;
  const agreements = pairwiseAgreements(pairs, gaps);
  return {
    heldOutLoss: loss,
    ...(agreements.length > 0 && {
      heldOutAccuracy: agreements.reduce((sum, { agreement }) => sum + agreement, 0) / agreements.length,
    }),
  };
}

/**
 * 1 where the reward gap has the sign of the judgement, 0 where it has the other, ½ where there is no gap; judged ties
 * are left out, because no predictor can agree with them.
 */
export function pairwiseAgreements(
  pairs: readonly Pick<JudgedPair, 'comparison' | 'target'>[],
  gaps: ArrayLike<number>,
): { readonly comparison: string; readonly agreement: number }[] {
  return pairs.flatMap(({ comparison, target }, pair) =>
    target === 0.5
      ? []
      : [{ comparison, agreement: (1 + Math.sign(gaps[pair]!) * Math.sign(target - 0.5)) / 2 }],
  );
}

function scoringProgress(
  context: StepContext,
  phase: string,
  sequences: readonly Sequence[],
): () => Promise<void> {
  return countedProgress(context, { phase, total: scoringBatches(sequences.length), unit: 'batches' });
}

/** At most `limit` items, evenly spread. */
function evenly<T>(items: readonly T[], limit: number): T[] {
  const count = Math.min(limit, items.length);
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}
