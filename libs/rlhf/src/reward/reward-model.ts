/**
 * The reward model: the pretrained transformer with a linear head on the hidden state of the last response token.
 * B batch, T positions, D width.
 */
import type { TensorMap } from '@plumbline/artifacts';
import { tf, type Tensor, type Tensor1D } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import {
  disposeParameters,
  forward,
  randomScalarHead,
  scalarHead,
  toTensorMap,
  type Parameters,
} from '@plumbline/model';
import { sequenceRows, type Sequence } from '../sequences.js';
import { moments } from '../rollout/whitening.js';

/** Rows that are scored at once; always as many, because the shape decides the rounding. */
const SCORING_BATCH = 64;

/**
 * Weights of an untrained reward model: the transformer's and a head from N(0, 1/(D + 1)), that is of standard
 * deviation 1/√(D + 1) (Ziegler et al. 2019).
 * @param member of an ensemble; each has a head of its own
 */
export function initialRewardModel(
  transformer: TensorMap,
  width: number,
  seed: number,
  member = 0,
): TensorMap {
  const head = randomScalarHead(width, seed, member);
  try {
    return { ...transformer, ...toTensorMap(head) };
  } finally {
    disposeParameters(head);
  }
}

/** Scores [B] of tokens int32 [B, T] with last response positions int32 [B]. */
export function rewards(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  lastPositions: Tensor,
): Tensor1D {
  const length = tokens.shape[1]!;
  const hidden = forward(parameters, model, tokens); // [B, T, D]
  const isLast = tf
    .oneHot(lastPositions as Tensor1D, length)
    .toFloat()
    .expandDims(2); // [B, T, 1]
  return scalarHead(parameters, hidden.mul(isLast).sum(1)) as Tensor1D;
}

/** How often `scoreSequences` breathes over so many sequences. */
export function scoringBatches(sequences: number): number {
  return Math.ceil(sequences / SCORING_BATCH);
}

export interface ScoreOptions {
  /** Positions of a sequence. */
  readonly length: number;
  readonly breathe?: () => Promise<void>;
  /** Runs `rewards`, as a program perhaps; absent: op by op. */
  readonly rewards?: (tokens: Tensor, lastPositions: Tensor) => Tensor;
}

/** Scores of many sequences, in host memory. */
export async function scoreSequences(
  parameters: Parameters,
  model: ModelConfiguration,
  sequences: readonly Sequence[],
  options: ScoreOptions,
): Promise<Float32Array> {
  const run =
    options.rewards ??
    ((tokens, lastPositions) => tf.tidy(() => rewards(parameters, model, tokens, lastPositions)));
  const scores = new Float32Array(sequences.length);
  for (let start = 0; start < sequences.length; start += SCORING_BATCH) {
    const rows = sequenceRows(sequences.slice(start, start + SCORING_BATCH), SCORING_BATCH, options.length);
    const tokens = tf.tensor2d(rows.tokens, [rows.batch, rows.length], 'int32');
    const lastPositions = tf.tensor1d(rows.lastPositions, 'int32');
    const values = run(tokens, lastPositions);
    scores.set(values.dataSync().subarray(0, Math.min(SCORING_BATCH, sequences.length - start)), start);
    tf.dispose([tokens, lastPositions, values]);
    await options.breathe?.();
  }
  return scores;
}

/**
 * The same reward model with scores of mean 0 and variance 1 on the responses that `scores` are of: gain and bias go
 * into the head, so a reward model is nothing but its weights.
 * @throws RangeError if all scores are equal, or one is not finite
 */
export function normalisedHead(weights: TensorMap, scores: ArrayLike<number>): TensorMap {
  const { mean, variance } = moments(scores);
  if (!(variance > 0) || !Number.isFinite(variance)) {
    throw new RangeError(`the reward model's scores have variance ${variance}: they cannot be normalised`);
  }
  const gain = 1 / Math.sqrt(variance);
  const weight = weights['score.weight']!;
  const bias = weights['score.bias']!;
  return {
    ...weights,
    'score.weight': { ...weight, data: Float32Array.from(weight.data, (value) => value * gain) },
    'score.bias': { ...bias, data: Float32Array.from(bias.data, (value) => (value - mean) * gain) },
  };
}
