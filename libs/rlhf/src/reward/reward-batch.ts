/**
 * Batches of the reward model: comparisons, whose responses are rows that the model sees once each. B comparisons,
 * K responses, J judgements, P = K(K − 1)/2 pairs, T positions.
 */
import { tf } from '@plumbline/compute';
import type { Batch } from '@plumbline/training';
import type { WeightedComparison, WeightedPair } from '../preferences/preference-weights.js';
import { sequenceRows } from '../sequences.js';

/** The same for every batch of a step, so that one program does for all. */
export interface RewardBatchShape {
  /** K: of the largest comparison. Smaller ones are filled up with copies of a response, in pairs that weigh nothing. */
  readonly responses: number;
  /** J: 1 unless margins differ; judgements without margins merge into one with the mean of their targets. */
  readonly judgements: number;
  /** T */
  readonly length: number;
  readonly hasMargins: boolean;
}

export function rewardBatchShape(
  comparisons: readonly WeightedComparison[],
  length: number,
): RewardBatchShape {
  const hasMargins = comparisons.some(({ judgements }) =>
    judgements.some((pairs) => pairs.some(({ margin }) => margin !== 0)),
  );
  const largest = (size: (comparison: WeightedComparison) => number): number =>
    comparisons.reduce((maximum, comparison) => Math.max(maximum, size(comparison)), 0);
  return {
    responses: largest(({ responses }) => responses.length),
    judgements: hasMargins ? largest(({ judgements }) => judgements.length) : 1,
    length,
    hasMargins,
  };
}

/**
 * `tokens` int32 [B, K, T], `lastPositions` int32 [B, K], `targets` [B, J, P] (P(first preferred)), `weights`
 * [B, J, P] and, with margins, `margins` [B, J, P]; pairs in the order of `pairIndices`. The tensors are the caller's.
 */
export function rewardBatch(comparisons: readonly WeightedComparison[], shape: RewardBatchShape): Batch {
  const { responses, length, hasMargins } = shape;
  const batch = comparisons.length;
  const pairs = pairIndices(responses).length;
  const judgements = shape.judgements;
  const rows = comparisons.map((comparison) => sequenceRows(comparison.responses, responses, length));
  const tokens = new Int32Array(batch * responses * length);
  const lastPositions = new Int32Array(batch * responses);
  const targets = new Float32Array(batch * judgements * pairs).fill(0.5);
  const weights = new Float32Array(batch * judgements * pairs);
  const margins = new Float32Array(batch * judgements * pairs);
  comparisons.forEach((comparison, row) => {
    tokens.set(rows[row]!.tokens, row * responses * length);
    lastPositions.set(rows[row]!.lastPositions, row * responses);
    const list = hasMargins ? comparison.judgements : [merged(comparison.judgements)];
    list.forEach((judgement, j) => {
      for (const { first, second, target, weight, margin } of judgement) {
        const at = (row * judgements + j) * pairs + pairIndex(first, second, responses);
        targets[at] = target;
        weights[at] = weight;
        margins[at] = margin;
      }
    });
  });
  const perPair = (values: Float32Array): tf.Tensor => tf.tensor3d(values, [batch, judgements, pairs]);
  return {
    tokens: tf.tensor3d(tokens, [batch, responses, length], 'int32'),
    lastPositions: tf.tensor2d(lastPositions, [batch, responses], 'int32'),
    targets: perPair(targets),
    weights: perPair(weights),
    ...(hasMargins && { margins: perPair(margins) }),
  };
}

/** The pairs of K responses, first < second. */
export function pairIndices(responses: number): readonly (readonly [first: number, second: number])[] {
  return Array.from({ length: responses }, (_, first) =>
    Array.from({ length: responses - 1 - first }, (_, i) => [first, first + 1 + i] as const),
  ).flat();
}

/** Place of a pair in `pairIndices`. */
function pairIndex(first: number, second: number, responses: number): number {
  return (first * (2 * responses - first - 1)) / 2 + second - first - 1;
}

/**
 * Judgements of the same responses as one: its weights are their sums, its targets their means by weight. Cross-entropy
 * is linear in the target, so the loss is the same.
 */
function merged(judgements: readonly (readonly WeightedPair[])[]): readonly WeightedPair[] {
  const [only] = judgements;
  if (judgements.length === 1) return only!;
  return only!.map((pair, i) => {
    const weight = judgements.reduce((sum, pairs) => sum + pairs[i]!.weight, 0);
    const preferred = judgements.reduce((sum, pairs) => sum + pairs[i]!.weight * pairs[i]!.target, 0);
    return { ...pair, weight, target: preferred / weight };
  });
}
